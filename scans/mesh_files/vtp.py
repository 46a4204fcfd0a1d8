"""VTP, VTK's XML polygon files.

VTK's own reader believes the sizes in a file and ends the process when memory runs out, so the bytes are read here.
"""

import base64
import binascii
import re
import zlib
from xml.etree import ElementTree

import numpy as np

from scans.mesh_files.label_names import holds_labels
from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.polygons import checked_faces, strips, triangulate
from scans.mesh_files.text import number_table

TYPES = {f"{kind}{8 * size}": f"{kind[0].lower()}{size}" for kind in ("Int", "UInt") for size in (1, 2, 4, 8)}
TYPES |= {"Float32": "f4", "Float64": "f8"}
NAMES = {"Points": "points", "Verts": "single points", "Lines": "lines", "Polys": "polygons", "Strips": "strips"}
BYTE_ORDERS = {"LittleEndian": "<", "BigEndian": ">"}
APPENDED = re.compile(rb"<AppendedData\s+encoding\s*=\s*[\"'](raw|base64)[\"']\s*>\s*_")
MOST_PER_BYTE = 50  # compression shrinks a scan, but never by this much


class VtpFile:
    """The XML of a VTP file and the bytes appended to it.

    Raises:
        MalformedError: it is no VTP file of a kind that can be read here.
    """

    def __init__(self, data: bytes) -> None:
        appended = APPENDED.search(data)
        text = data[: appended.start()] + b"</VTKFile>" if appended else data
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise MalformedError("its XML defines entities, which no VTP file needs")
        try:
            self.root = ElementTree.fromstring(text)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise MalformedError(f"its XML is broken ({error})") from error
        if self.root.get("compressor") not in (None, "", "vtkZLibDataCompressor"):
            raise MalformedError("it is compressed in another way than zlib: save it with zlib or uncompressed")
        if self.root.get("type") != "PolyData" or self.root.get("byte_order") not in BYTE_ORDERS:
            raise MalformedError("it is no PolyData file that names its byte order")
        self.compressed = bool(self.root.get("compressor"))
        self.byte_order = BYTE_ORDERS[self.root.get("byte_order", "")]
        self.size_type = np.dtype(
            self.byte_order + {"UInt32": "u4", "UInt64": "u8"}.get(self.root.get("header_type", "UInt32"), "u4")
        )
        self.appended = data[appended.end() :] if appended else b""
        self.appended_raw = appended is not None and appended[1] == b"raw"
        self.most = MOST_PER_BYTE * len(data)

    def array(self, element: ElementTree.Element) -> np.ndarray:
        """The numbers (N,) of a DataArray element.

        Raises:
            MalformedError: they aren't all there.
        """
        kind, name = TYPES.get(element.get("type", "")), element.get("Name")
        if kind is None:
            raise MalformedError(f"its array {name!r} has the unknown type {element.get('type')!r}")
        match element.get("format"):
            case "ascii":
                values, _ = number_table((element.text or "").encode())
                if kind[0] == "f":
                    return values
                if not (np.abs(values) < 2**53).all() or (values != np.floor(values)).any():
                    raise MalformedError(f"its array {name!r} holds no whole numbers")
                return values.astype(np.int64)
            case "binary":
                content = self.decoded((element.text or "").strip().encode(), raw=False)
            case "appended" if element.get("offset", "").isdecimal():
                content = self.decoded(self.appended[int(element.get("offset", "")) :], raw=self.appended_raw)
            case _:
                raise MalformedError(f"its array {name!r} has no known format")
        if len(content) % int(kind[1]):
            raise MalformedError(f"its array {name!r} is cut short")
        return np.frombuffer(content, self.byte_order + kind)

    def decoded(self, stored: bytes, raw: bool) -> bytes:
        """The bytes of an array that starts where `stored` starts: sizes first, then the content, maybe compressed."""
        word = self.size_type.itemsize
        if not self.compressed:
            size = self.sizes(stored, 1, raw)[0]
            return self.unpacked(stored, word + size, raw)[word:]
        blocks, block_size, last_size = self.sizes(stored, 3, raw)
        if blocks * word > len(stored) or blocks * block_size > self.most:
            raise MalformedError("it promises more than it can hold")
        packed_sizes = self.sizes(stored, 3 + blocks, raw)[3:]
        head = (3 + blocks) * word
        packed = self.unpacked(stored[head if raw else (head + 2) // 3 * 4 :], sum(packed_sizes), raw)
        content, at = [], 0
        for k, packed_size in enumerate(packed_sizes):
            size = last_size if k == blocks - 1 and last_size else block_size
            try:
                block = zlib.decompressobj().decompress(packed[at : at + packed_size], size or 1)
            except zlib.error as error:
                raise MalformedError(f"its compressed data is broken ({error})") from error
            if len(block) != size:
                raise MalformedError("its compressed data is cut short")
            content.append(block)
            at += packed_size
        return b"".join(content)

    def sizes(self, stored: bytes, count: int, raw: bool) -> list[int]:
        """The first `count` size words."""
        return np.frombuffer(self.unpacked(stored, count * self.size_type.itemsize, raw), self.size_type).tolist()

    def unpacked(self, stored: bytes, size: int, raw: bool) -> bytes:
        """The first `size` bytes, out of base64 where they are not raw."""
        if size > len(stored):
            raise MalformedError("it is cut short: an array promises more bytes than follow")
        if raw:
            return stored[:size]
        try:
            content = base64.b64decode(stored[: (size + 2) // 3 * 4], validate=True)
        except binascii.Error as error:
            raise MalformedError(f"its base64 data is broken ({error})") from error
        if len(content) < size:
            raise MalformedError("it is cut short: an array promises more bytes than follow")
        return content[:size]


def parse_vtp(data: bytes) -> Parsed:
    """The triangles of a VTP file, every point in the file's order, with its labels where it has any.

    Polygons and triangle strips are cut into triangles; single points and lines are left aside. Labels are point or
    cell data named label, labels, fdi or the like.

    Raises:
        MalformedError: it is broken, has several pieces, or a face refers to no point.
    """
    file = VtpFile(data)
    pieces = file.root.findall("PolyData/Piece")
    if len(pieces) != 1:
        raise MalformedError(f"it has {len(pieces)} pieces: save it as one")
    piece = pieces[0]
    points = piece.find("Points/DataArray")
    if points is None:
        return Parsed(np.empty((0, 3)), np.empty((0, 3), np.int32))
    coordinates = file.array(points).astype(np.float64)
    if len(coordinates) % 3:
        raise MalformedError("its points have no three coordinates each")
    vertices = coordinates.reshape(-1, 3)
    check_count(piece, "Points", len(vertices))
    sizes, corners = cells(file, piece, "Polys")
    faces, polygon = triangulate(vertices, corners, sizes)
    strip_sizes, strip_corners = cells(file, piece, "Strips")
    stripped, strip = strips(strip_corners, strip_sizes)
    faces = np.concatenate([faces, checked_faces(stripped, len(vertices))])
    labels = labels_of(file, piece, "PointData", len(vertices))
    # Cells are counted in this order.
    before = [len(cells(file, piece, name)[0]) for name in ("Verts", "Lines")]
    cell_labels = labels_of(file, piece, "CellData", sum(before) + len(sizes) + len(strip_sizes))
    if cell_labels is not None:
        cell_labels = cell_labels[sum(before) + np.concatenate([polygon, len(sizes) + strip])]
    notes = tuple(
        f"{count} {NAMES[name]} are left out" for count, name in zip(before, ("Verts", "Lines"), strict=True) if count
    )
    return Parsed(vertices, faces, labels, cell_labels, notes)


def cells(file: VtpFile, piece: ElementTree.Element, name: str) -> tuple[np.ndarray, np.ndarray]:
    """How many corners each cell of a kind has, and all corners one after another.

    Raises:
        MalformedError: they don't lie one after another, or are more or fewer than promised.
    """
    arrays = {array.get("Name"): array for array in piece.findall(f"{name}/DataArray")}
    if not {"offsets", "connectivity"} <= arrays.keys():
        check_count(piece, name, 0)
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ends, corners = (file.array(arrays[part]).astype(np.int64) for part in ("offsets", "connectivity"))
    sizes = np.diff(ends, prepend=0)
    if (len(ends) and (sizes.min() < 0 or ends[-1] != len(corners))) or (not len(ends) and len(corners)):
        raise MalformedError(f"its {NAMES[name]} don't lie one after another")
    check_count(piece, name, len(ends))
    return sizes, corners


def labels_of(file: VtpFile, piece: ElementTree.Element, name: str, count: int) -> np.ndarray | None:
    """The labels among point or cell data, one for each of `count`; None where there are none.

    Raises:
        MalformedError: they are more or fewer.
    """
    for array in piece.findall(f"{name}/DataArray"):
        if holds_labels(array.get("Name")):
            labels = file.array(array)
            if len(labels) != count:
                what = "points" if name == "PointData" else "cells"
                raise MalformedError(f"it has {len(labels)} labels for {count} {what}")
            return labels
    return None


def check_count(piece: ElementTree.Element, name: str, found: int) -> None:
    """Refuse a piece that doesn't hold what it promises."""
    promised = piece.get(f"NumberOf{name}", "" if found else "0").strip()
    if promised != str(found):
        raise MalformedError(f"it promises {promised or 'no'} {NAMES[name]} and has {found}")
