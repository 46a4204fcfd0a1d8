"""One small scan in all formats and in the habits of many programs, made in memory.

A name ends with the suffix that the file needs; what stands before says how the file differs from a plain one.
"""

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROWS, COLUMNS = map(int, os.environ.get("CORPUS_SIZE", "7 6").split())  # of the patch's vertices
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Shape:
    """What the file describes: its triangles, by which area, bounds and number are known."""

    vertices: np.ndarray
    faces: np.ndarray

    @property
    def area(self) -> float:
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def patch() -> tuple[Shape, np.ndarray]:
    """A wavy rectangle of 60 × 50 mm with coordinates that float32 holds, and its quads (Q, 4)."""
    x, y = np.meshgrid(np.linspace(-30, 30, ROWS), np.linspace(-25, 25, COLUMNS), indexing="ij")
    vertices = np.stack([x, y, np.round(4 * np.sin(x / 9) * np.cos(y / 7) * 8) / 8], axis=-1).reshape(-1, 3)
    index = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    return Shape(vertices, faces), quads


PATCH, QUADS = patch()
# An arrowhead whose second corner lies inside the fan from the first, below the patch.
ARROW = np.array([[-30.0, -25, -9], [0, 10, -9], [30, -25, -9], [0, 25, -9]])
ARROW_FACES = np.array([[0, 1, 3], [1, 2, 3]])
WITH_ARROW = Shape(np.concatenate([PATCH.vertices, ARROW]), np.concatenate([PATCH.faces, ARROW_FACES + ROWS * COLUMNS]))
ARROW_RING = [0 + ROWS * COLUMNS, *range(1 + ROWS * COLUMNS, 4 + ROWS * COLUMNS)]
SOUP = Shape(PATCH.vertices[PATCH.faces].reshape(-1, 3), np.arange(PATCH.faces.size).reshape(-1, 3))


# Strips cut the quads along their other diagonal.
STRIPPED = Shape(PATCH.vertices, np.concatenate([QUADS[:, [0, 1, 3]], QUADS[:, [1, 2, 3]]], axis=1).reshape(-1, 3))


def strip_rows() -> list[list[int]]:
    """The patch as one triangle strip for each row of quads."""
    index = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    return [np.stack([index[r], index[r + 1]], axis=1).reshape(-1).tolist() for r in range(ROWS - 1)]


def lines(*rows: object) -> str:
    return "".join(f"{row}\n" for row in rows)


def numbers(values: np.ndarray, start: str = "") -> str:
    return lines(*(start + " ".join(f"{value:.10g}" for value in row) for row in values))


# --- OBJ


def obj(shape: Shape, polygons: list | np.ndarray | None = None) -> str:
    polygons = shape.faces if polygons is None else polygons
    return numbers(shape.vertices, "v ") + lines(*("f " + " ".join(str(i + 1) for i in p) for p in polygons))


def obj_files() -> dict[str, tuple[bytes, Shape]]:
    plain = obj(PATCH)
    slashes = plain.replace("v ", "v  ", 3) + "g last\nusemtl none\n"
    slashes = "mtllib missing.mtl\nvt 0 0\nvn 0 0 1\n" + "".join(
        "f " + " ".join(f"{c}/1/1" for c in line.split()[1:]) + "\n" if line.startswith("f") else line + "\n"
        for line in slashes.splitlines()
    )
    count = len(PATCH.vertices)
    back = lines(*("f " + " ".join(str(i - count) for i in face) for face in PATCH.faces))
    return {
        "plain.obj": (plain.encode(), PATCH),
        "crlf.obj": (plain.replace("\n", "\r\n").encode(), PATCH),
        "cr.obj": (plain.replace("\n", "\r").encode(), PATCH),
        "byte-order mark.obj": (BOM + plain.encode(), PATCH),
        "utf-16.obj": (plain.encode("utf-16"), PATCH),
        "slashes and groups.obj": (slashes.encode(), PATCH),
        "counting back.obj": ((numbers(PATCH.vertices, "v ") + back).encode(), PATCH),
        "continued.obj": (plain.replace(" ", " \\\n", 9).encode(), PATCH),
        "continued after a blank.obj": (plain.replace(" ", " \\ \n", 9).encode(), PATCH),
        "quads.obj": (obj(PATCH, QUADS).encode(), PATCH),
        "concave.obj": (obj(WITH_ARROW, [*PATCH.faces.tolist(), ARROW_RING]).encode(), WITH_ARROW),
        "soup.obj": (obj(SOUP).encode(), SOUP),
    }


# --- PLY


def ply(
    kind: str, shape: Shape, lists: list | np.ndarray | None = None, *, real: str = "float", element: str = "face"
) -> bytes:
    """A PLY file whose `lists` (the faces) are polygons, or, of the element tristrips, strips."""
    lists = shape.faces.tolist() if lists is None else [list(map(int, row)) for row in lists]
    head = lines(
        "ply",
        f"format {kind} 1.0",
        f"element vertex {len(shape.vertices)}",
        *(f"property {real} {axis}" for axis in "xyz"),
        f"element {element} {len(lists)}",
        f"property list {'int' if element == 'tristrips' else 'uchar'} int vertex_indices",
        "end_header",
    ).encode()
    if kind == "ascii":
        return head + (numbers(shape.vertices) + lines(*(" ".join(map(str, (len(r), *r))) for r in lists))).encode()
    order = "<" if "little" in kind else ">"
    counter = "i" if element == "tristrips" else "B"
    body = shape.vertices.astype(f"{order}f{8 if real == 'double' else 4}").tobytes()
    return head + body + b"".join(struct.pack(f"{order}{counter}{len(r)}i", len(r), *r) for r in lists)


def ply_files() -> dict[str, tuple[bytes, Shape]]:
    text, binary = ply("ascii", PATCH), ply("binary_little_endian", PATCH)
    end = binary.index(b"end_header\n") + len(b"end_header\n")
    head, body = binary[:end], binary[end:]
    text_end = text.index(b"end_header\n") + len(b"end_header\n")
    joined = [i for row in strip_rows() for i in (*row, -1)][:-1]
    files = {}
    for kind in ("ascii", "binary_little_endian", "binary_big_endian"):
        files |= {
            f"{kind}.ply": (ply(kind, PATCH), PATCH),
            f"{kind} doubles.ply": (ply(kind, PATCH, real="double"), PATCH),
            f"{kind} quads.ply": (ply(kind, PATCH, QUADS), PATCH),
            f"{kind} concave.ply": (ply(kind, WITH_ARROW, [*PATCH.faces, ARROW_RING]), WITH_ARROW),
            f"{kind} soup.ply": (ply(kind, SOUP), SOUP),
            f"{kind} strips.ply": (ply(kind, PATCH, [joined], element="tristrips"), STRIPPED),
        }
    return files | {
        "crlf.ply": (text.replace(b"\n", b"\r\n"), PATCH),
        "cr.ply": (text.replace(b"\n", b"\r"), PATCH),
        "binary with cr header.ply": (head.replace(b"\n", b"\r") + body, PATCH),
        "binary with crlf header.ply": (head.replace(b"\n", b"\r\n") + body, PATCH),
        "end_header in a comment.ply": (head.replace(b"element v", b"comment end_header\nelement v", 1) + body, PATCH),
        "odd spaces.ply": (
            head.replace(b" ", b"  \t").replace(b"\nele", b"\n ele").replace(b"\n", b" \n") + body,
            PATCH,
        ),
        "byte-order mark.ply": (BOM + text, PATCH),
        "byte-order mark in the body.ply": (text[:text_end] + BOM + text[text_end:], PATCH),
    }


# --- STL


def stl(header: bytes = b"") -> bytes:
    records = b"".join(struct.pack("<12fH", 0, 0, 0, *PATCH.vertices[face].ravel(), 0) for face in PATCH.faces)
    return header.ljust(80, b"\0") + struct.pack("<I", len(PATCH.faces)) + records


def stl_text(end: str = "end") -> str:
    rows = ["solid jaw"]
    for face in PATCH.faces:
        corners = numbers(PATCH.vertices[face], "      vertex ").rstrip("\n")
        rows += ["  facet normal 0 0 1", "    outer loop", corners, f"    {end}loop", f"  {end}facet"]
    return lines(*rows, f"{end}solid jaw")


def stl_files() -> dict[str, tuple[bytes, Shape]]:
    text = stl_text()
    return {
        "text.stl": (text.encode(), SOUP),
        "crlf.stl": (text.replace("\n", "\r\n").encode(), SOUP),
        "cr.stl": (text.replace("\n", "\r").encode(), SOUP),
        "capitals.stl": (text.upper().encode(), SOUP),
        "byte-order mark.stl": (BOM + text.encode(), SOUP),
        "end solid.stl": (stl_text("end ").encode(), SOUP),
        "binary.stl": (stl(), SOUP),
        "solid in the header.stl": (stl(b"solid jaw facet"), SOUP),
        "like OBJ in the header.stl": (stl(b"V 1.0 2.0 scanner\nv 1 2 3"), SOUP),
        "two spare bytes.stl": (stl(b"solid") + b"\r\n", SOUP),
    }


# --- OFF


def off(shape: Shape, polygons: list | np.ndarray | None = None, end: str = "") -> str:
    polygons = shape.faces if polygons is None else polygons
    rows = (" ".join(map(str, (len(p), *p))) + end for p in polygons)
    return lines("OFF", f"{len(shape.vertices)} {len(polygons)} 0") + numbers(shape.vertices) + lines(*rows)


def off_files() -> dict[str, tuple[bytes, Shape]]:
    plain = off(PATCH)
    return {
        "plain.off": (plain.encode(), PATCH),
        "crlf.off": (plain.replace("\n", "\r\n").encode(), PATCH),
        "cr.off": (plain.replace("\n", "\r").encode(), PATCH),
        "byte-order mark.off": (BOM + plain.encode(), PATCH),
        "comments.off": (plain.replace("\n", " # here\n\n# there\n", 3).encode(), PATCH),
        "counts behind the word.off": (plain.replace("OFF\n", "OFF ", 1).encode(), PATCH),
        "coloured faces.off": (off(PATCH, end=" 255 0 0").encode(), PATCH),
        "quads.off": (off(PATCH, QUADS).encode(), PATCH),
        "concave.off": (off(WITH_ARROW, [*PATCH.faces.tolist(), ARROW_RING]).encode(), WITH_ARROW),
        "soup.off": (off(SOUP).encode(), SOUP),
    }


# --- VTP, by VTK itself


def vtp(
    folder: Path,
    shape: Shape,
    *,
    polygons: Sequence = (),
    strips: Sequence = (),
    mode: str = "Ascii",
    compressor: str = "None",
    encode: bool = False,
) -> bytes:
    """The file that VTK writes."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    polydata, points = vtkPolyData(), vtkPoints()
    points.SetData(numpy_to_vtk(shape.vertices.astype(np.float32), deep=True))
    polydata.SetPoints(points)
    for kind, cells in (("Polys", polygons), ("Strips", strips)):
        if len(cells):
            array = vtkCellArray()
            for cell in cells:
                array.InsertNextCell(len(cell), list(map(int, cell)))
            getattr(polydata, f"Set{kind}")(array)
    writer, path = vtkXMLPolyDataWriter(), folder / "written.vtp"
    writer.SetInputData(polydata)
    writer.SetFileName(str(path))
    getattr(writer, f"SetDataModeTo{mode}")()
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    writer.SetEncodeAppendedData(encode)
    writer.Write()
    return path.read_bytes()


def vtp_files(folder: Path) -> dict[str, tuple[bytes, Shape]]:
    faces, rows = PATCH.faces, strip_rows()
    half = len(faces) // 2
    return {
        "text.vtp": (vtp(folder, PATCH, polygons=faces), PATCH),
        "binary.vtp": (vtp(folder, PATCH, polygons=faces, mode="Binary"), PATCH),
        "appended.vtp": (vtp(folder, PATCH, polygons=faces, mode="Appended"), PATCH),
        "base64.vtp": (vtp(folder, PATCH, polygons=faces, mode="Appended", encode=True), PATCH),
        "zlib.vtp": (vtp(folder, PATCH, polygons=faces, mode="Appended", compressor="ZLib"), PATCH),
        "quads.vtp": (vtp(folder, PATCH, polygons=QUADS, mode="Binary"), PATCH),
        "concave.vtp": (vtp(folder, WITH_ARROW, polygons=[*faces, ARROW_RING]), WITH_ARROW),
        "soup.vtp": (vtp(folder, SOUP, polygons=SOUP.faces), SOUP),
        "strips.vtp": (vtp(folder, PATCH, strips=rows), STRIPPED),
        "polygons and strips.vtp": (
            vtp(folder, PATCH, polygons=faces[:half], strips=rows[len(rows) // 2 :], mode="Appended"),
            Shape(PATCH.vertices, np.concatenate([faces[:half], STRIPPED.faces[half:]])),
        ),
        "byte-order mark.vtp": (BOM + vtp(folder, PATCH, polygons=faces), PATCH),
    }


# --- GLB


def pack(scene: dict, binary: bytes) -> bytes:
    """A GLB file of a scene and its one buffer."""
    text = json.dumps({"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(binary)}]} | scene).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    size = 28 + len(text) + len(binary)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, size) + chunks


def glb(
    positions: np.ndarray,
    corners: np.ndarray | None,
    nodes: list[dict] | None = None,
    *,
    mode: int = 4,
    stride: int = 0,
    **extra: object,
) -> bytes:
    """A GLB file of one primitive.

    Args:
        positions: (V, 3) of a type that glTF has; integers are marked as normalised.
        stride: bytes from one position to the next, above what they take.
    """
    types = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}
    row = positions.shape[1] * positions.itemsize
    stride = stride or row + -row % 4
    body = b"".join(point.tobytes().ljust(stride, b"\0") for point in positions)
    whole = np.issubdtype(positions.dtype, np.integer)
    accessors = [
        {"bufferView": 0, "componentType": types[positions.dtype.name], "count": len(positions), "type": "VEC3"}
    ]
    accessors[0] |= {"normalized": True} if whole else {}
    accessors[0] |= {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": len(body), "byteStride": stride, "target": 34962}]
    primitive: dict = {"attributes": {"POSITION": 0}, "mode": mode}
    if corners is not None:
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": corners.nbytes, "target": 34963})
        accessors.append(
            {"bufferView": 1, "componentType": types[corners.dtype.name], "count": corners.size, "type": "SCALAR"}
        )
        primitive["indices"] = 1
        body += corners.tobytes()
    nodes = [{"mesh": 0}] if nodes is None else nodes
    under = {child for node in nodes for child in node.get("children", [])}
    scene = {
        "scene": 0,
        "scenes": [{"nodes": [k for k in range(len(nodes)) if k not in under]}],
        "nodes": nodes,
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
    }
    return pack(scene | extra, body)


def glb_files() -> dict[str, tuple[bytes, Shape]]:
    points, corners = PATCH.vertices.astype(np.float32), PATCH.faces.astype(np.uint32).ravel()
    largest = np.abs(PATCH.vertices).max()
    rounded = np.round(PATCH.vertices / largest * 32767).astype(np.int16)
    quantised = Shape(rounded / 32767 * largest, PATCH.faces)
    scaled = {"mesh": 0, "scale": [largest] * 3}
    turned = {"mesh": 0, "rotation": [0, 0, 0.6, 0.8], "scale": [-2, 2, 2], "translation": [1, 2, 3]}
    x, y, z = (PATCH.vertices * [-2, 2, 2]).T
    moved = np.stack([0.28 * x - 0.96 * y + 1, 0.96 * x + 0.28 * y + 2, z + 5], axis=1)
    far = PATCH.vertices + np.array([0, 0, 40])
    twice = Shape(np.concatenate([PATCH.vertices, far]), np.concatenate([PATCH.faces, PATCH.faces + len(far)]))
    joined = np.array([corner for row in strip_rows() for corner in (row[0], *row, row[-1])], np.uint32)[1:-1]
    quantised_scene = {"extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"]}
    return {
        "plain.glb": (glb(points, corners), PATCH),
        "short corners.glb": (glb(points, corners.astype(np.uint16)), PATCH),
        "without corners.glb": (glb(SOUP.vertices.astype(np.float32), None), SOUP),
        "interleaved.glb": (glb(points, corners, stride=24), PATCH),
        "normalised.glb": (glb(rounded, corners, [scaled], **quantised_scene), quantised),
        "nodes.glb": (
            glb(points, corners, [{"children": [1], "translation": [0, 0, 2]}, turned]),
            Shape(moved, PATCH.faces[:, ::-1]),
        ),
        "twice.glb": (glb(points, corners, [{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 40]}]), twice),
        "strip.glb": (glb(points, joined, mode=5), STRIPPED),
        "soup.glb": (glb(SOUP.vertices.astype(np.float32), SOUP.faces.astype(np.uint32).ravel()), SOUP),
    }


def corpus(folder: Path) -> dict[str, tuple[bytes, Shape]]:
    """All files by name, each with what it describes; `folder` is for those that VTK writes."""
    return obj_files() | ply_files() | stl_files() | off_files() | vtp_files(folder) | glb_files()
