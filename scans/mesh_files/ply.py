"""PLY, the polygon file format: text and binary of either byte order."""

import re
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from scans.mesh_files.label_names import holds_labels
from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.polygons import checked_faces, list_items, strips, triangulate
from scans.mesh_files.text import number_table

TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CORNER_NAMES = ("vertex_indices", "vertex_index")
HEADER_END = re.compile(rb"[\r\n][ \t]*end_header[ \t]*(\r\n|\r|\n)")
CR_HEADER_END = re.compile(rb"\r[ \t]*end_header[ \t]*(\r)")
LONGEST_HEADER = 1 << 16


@dataclass
class Property:
    """One property of an element; `counter` is the type of the length where it is a list."""

    name: str
    type: str
    counter: str | None = None


@dataclass
class Element:
    """A table of the file: so many rows of these properties."""

    name: str
    rows: int
    properties: list[Property] = field(default_factory=list)


@dataclass
class Header:
    """What the header promises; the body starts at byte `size`."""

    byte_order: str
    elements: list[Element]
    size: int


def parse_header(data: bytes) -> Header:
    """The header of a PLY file.

    Raises:
        MalformedError: a line is broken, or the header doesn't end.
    """
    head = data[:LONGEST_HEADER]
    # Where lines end with CR alone, an LF behind the header's last one belongs to the body.
    found = (CR_HEADER_END if re.match(rb"ply[ \t]*\r[^\n]", head) else HEADER_END).search(head)
    if found is None:
        raise MalformedError("the PLY header has no end_header line")
    byte_order: str | None = None
    elements: list[Element] = []
    for raw in re.split("[\r\n]+", head[: found.start()].decode("utf-8", "replace"))[1:]:
        match raw.split():
            case ["format", kind, _] if kind in BYTE_ORDERS:
                byte_order = BYTE_ORDERS[kind]
            case ["element", name, rows] if rows.isascii() and rows.isdigit():
                elements.append(Element(name, int(rows)))
            case ["property", "list", counter, kind, name] if (
                counter.lower() in TYPES and kind.lower() in TYPES and elements
            ):
                elements[-1].properties.append(Property(name, TYPES[kind.lower()], TYPES[counter.lower()]))
            case ["property", kind, name] if kind.lower() in TYPES and elements:
                elements[-1].properties.append(Property(name, TYPES[kind.lower()]))
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise MalformedError(f"the PLY header has a line that can't be read: {raw[:60]!r}")
    if byte_order is None:
        raise MalformedError("the PLY header has no format line")
    return Header(byte_order, elements, found.end())


@njit(cache=True)
def read_integer(body, at, size, signed, big):
    """The integer of `size` items at `at`: bytes of a binary body, or one number of a text body."""
    value = 0
    for k in range(size):
        value = value * 256 + int(body[at + k if big else at + size - 1 - k])
    if signed and size < 8 and value >= 1 << (8 * size - 1):  # eight bytes are in two's complement already
        value -= 1 << (8 * size)
    return value


@njit(cache=True)
def walk(body, at, rows, sizes, counters, signed, big, wanted):
    """Step through an element's rows.

    Args:
        sizes, counters: (P,) size of each property's value and, for a list, of its length (0: no list).
        signed: (P,) whether the list's length is a signed integer.
        wanted: (W,) the properties to note.

    Returns:
        the position after the element, or −1 where the body ends before; (rows, W) where the wanted values or lists
        start, and the length of each.
    """
    end = len(body)
    starts = np.zeros((rows, len(wanted)), np.int64)
    lengths = np.zeros((rows, len(wanted)), np.int64)
    for row in range(rows):
        for k in range(len(sizes)):
            length = 1
            if counters[k] > 0:
                if at + counters[k] > end:
                    return -1, starts, lengths
                length = read_integer(body, at, counters[k], signed[k], big)
                at += counters[k]
                if length < 0 or length > (end - at) // sizes[k]:
                    return -1, starts, lengths
            for w in range(len(wanted)):
                if wanted[w] == k:
                    starts[row, w] = at
                    lengths[row, w] = length
            at += length * sizes[k]
            if at > end:
                return -1, starts, lengths
    return at, starts, lengths


@njit(cache=True)
def gather(body, starts, lengths, size, signed, big):
    """The items of all lists, one after another."""
    items = np.empty(lengths.sum(), np.int64)
    n = 0
    for row in range(len(starts)):
        for k in range(lengths[row]):
            items[n] = read_integer(body, starts[row] + k * size, size, signed, big)
            n += 1
    return items


class Body:
    """The part after the header as one array, bytes or numbers, in which elements are found one after another."""

    def __init__(self, data: bytes, header: Header) -> None:
        self.text = header.byte_order == ""
        self.byte_order = header.byte_order
        self.items = number_table(data, header.size)[0] if self.text else np.frombuffer(data, np.uint8)
        self.at = 0 if self.text else header.size

    def size(self, kind: str) -> int:
        """How many items a value of this type takes."""
        return 1 if self.text else int(kind[1])

    def check_room(self, element: Element) -> None:
        """Refuse a row count that the file has no room for, before anything is allocated for it."""
        least = sum(self.size(p.counter or p.type) for p in element.properties)
        if element.rows * max(least, 1) > len(self.items) - self.at:
            raise MalformedError(f"it is cut short: the PLY header promises {element.rows} rows of {element.name!r}")

    def table(self, element: Element) -> dict[str, np.ndarray]:
        """An element without lists, as columns."""
        self.check_room(element)
        names = [f"{k} {p.name}" for k, p in enumerate(element.properties)]
        if self.text:
            values = self.items[self.at : self.at + element.rows * len(names)].reshape(element.rows, len(names))
            self.at += values.size
            return {p.name: values[:, k] for k, p in enumerate(element.properties)}
        if not names:
            return {}
        row = np.dtype([(name, self.byte_order + p.type) for name, p in zip(names, element.properties, strict=True)])
        records = self.items[self.at : self.at + element.rows * row.itemsize].view(row)
        self.at += element.rows * row.itemsize
        return {p.name: records[name] for name, p in zip(names, element.properties, strict=True)}

    def lists(self, element: Element, wanted: int = -1, scalar: int = -1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pass over an element with lists.

        Returns:
            the items of its `wanted` list property, int; each list's length; and its `scalar` property. Empty where
            there is none (−1).
        """
        self.check_room(element)
        if any((p.counter or "i")[0] == "f" for p in element.properties):
            raise MalformedError(f"a list of the PLY element {element.name!r} has no whole number as its length")
        sizes = [self.size(p.type) for p in element.properties]
        counters = [self.size(p.counter) if p.counter else 0 for p in element.properties]
        signed = [not self.text and p.counter is not None and p.counter[0] == "i" for p in element.properties]
        big = self.byte_order == ">"
        plan = np.array(sizes, np.int64), np.array(counters, np.int64), np.array(signed, bool), big
        found = self._even_lists(element, plan, wanted, scalar)
        if found is not None:
            return found
        noted = [k for k in (wanted, scalar) if k >= 0]
        self.at, starts, lengths = walk(self.items, self.at, element.rows, *plan, np.array(noted, np.int64))
        if self.at < 0:
            raise MalformedError(f"it is cut short: the rows of {element.name!r} don't all lie in the file")
        items, of_row, values = NOTHING, NOTHING, NOTHING
        if wanted >= 0:
            of_row, kind = lengths[:, 0].copy(), element.properties[wanted].type
            if self.text:
                items = list_items(self.items, starts[:, 0], of_row)
            else:
                items = gather(self.items, starts[:, 0].copy(), of_row, sizes[wanted], kind[0] == "i", big)
        if scalar >= 0:
            at, kind = starts[:, -1], self.byte_order + element.properties[scalar].type
            values = self.items[at] if self.text else self.items[at[:, None] + np.arange(sizes[scalar])].view(kind)
        return items, of_row, values.reshape(-1)

    def _even_lists(
        self, element: Element, plan: tuple, wanted: int, scalar: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """What `lists` returns, where all rows of a binary body are as long as the first: read as one table."""
        if self.text or element.rows == 0:
            return None
        after, _, lengths = walk(self.items, self.at, 1, *plan, np.arange(len(element.properties)))
        end = self.at + int(after - self.at) * element.rows
        if after <= self.at or end > len(self.items) or not lengths.all():
            return None
        fields: list[tuple] = []
        for k, p in enumerate(element.properties):
            if p.counter:
                fields.append((f"length {k}", self.byte_order + p.counter))
            # A list as one piece of bytes: numpy copies these twice as fast as rows of three numbers.
            fields.append((f"{k}", f"V{self.size(p.type) * lengths[0, k]}" if p.counter else self.byte_order + p.type))
        rows = self.items[self.at : end].view(np.dtype(fields))
        if any((rows[f"length {k}"] != lengths[0, k]).any() for k, p in enumerate(element.properties) if p.counter):
            return None
        self.at = end
        items, of_row, values = NOTHING, NOTHING, NOTHING
        if wanted >= 0:
            kind = self.byte_order + element.properties[wanted].type
            items = np.ascontiguousarray(rows[f"{wanted}"]).view(kind)
            of_row = np.broadcast_to(lengths[0, wanted], element.rows)
        if scalar >= 0:
            values = rows[f"{scalar}"]
        return items, of_row, values


def parse_ply(data: bytes) -> Parsed:
    """The triangles of a PLY file, every vertex in the file's order, with its labels where it has any.

    Polygons and triangle strips are cut into triangles. Labels are a property named label, labels, fdi or the like, of
    the vertices or of the faces.

    Raises:
        MalformedError: the header is broken or promises more than the file holds, or a face refers to no vertex.
    """
    header = parse_header(data)
    body = Body(data, header)
    vertices, labels = np.empty((0, 3)), None
    polygons, stripped, face_labels = (NOTHING, NOTHING), (NOTHING, NOTHING), None
    for element in header.elements:
        names = [p.name for p in element.properties]
        is_list = [p.counter is not None for p in element.properties]
        of_labels = [k for k, p in enumerate(element.properties) if holds_labels(p.name) and not is_list[k]]
        if element.name == "vertex":
            if any(is_list):
                raise MalformedError("its PLY vertices have a list property, which isn't supported")
            columns = body.table(element)
            if not {"x", "y", "z"} <= columns.keys():
                raise MalformedError("its PLY vertices have no x, y and z")
            vertices = np.empty((element.rows, 3))
            for axis, name in enumerate("xyz"):
                vertices[:, axis] = columns[name]
            labels = columns[names[of_labels[0]]] if of_labels else None
        elif element.name in ("face", "tristrips"):
            at = [k for k, p in enumerate(element.properties) if p.name in CORNER_NAMES and p.counter]
            if not at or element.properties[at[0]].type[0] == "f":
                raise MalformedError("its PLY faces have no whole-numbered list vertex_indices")
            corners, sizes, found = body.lists(element, at[0], of_labels[0] if of_labels else -1)
            if element.name == "tristrips":
                stripped = corners.astype(np.int64), sizes
            else:
                polygons, face_labels = (corners, sizes), found if of_labels else None
        elif any(is_list):
            body.lists(element)
        else:
            body.table(element)
    faces, polygon = triangulate(vertices, *polygons)
    if len(stripped[0]):
        further = checked_faces(strips(*stripped)[0], len(vertices))
        faces, face_labels = np.concatenate([faces, further]), None
    return Parsed(vertices, faces, labels, None if face_labels is None else face_labels[polygon])


NOTHING = np.empty(0, np.int64)
