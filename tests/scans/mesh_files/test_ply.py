import struct

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.parsed import MalformedError
from scans.mesh_files.ply import parse_ply

XYZ = "property float x\nproperty float y\nproperty float z\n"
POINTS = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.5), (9.0, 9.0, 9.0)]  # the last one is unused


def header(kind: str, *elements: str) -> bytes:
    return f"ply\nformat {kind} 1.0\ncomment made by hand\n{''.join(elements)}end_header\n".encode()


def text(*rows: str) -> bytes:
    return "\n".join(rows).encode()


ELEMENTS = (
    "element camera 2\nproperty float f\nproperty list uchar short marks\n",
    "element vertex 5\n" + XYZ + "property uchar red\nproperty int Label\n",
    "element face 2\nproperty uchar flag\nproperty list uchar int vertex_indices\nproperty float area\n",
    "element material 0\nproperty int id\n",
)


def by_hand(kind: str) -> bytes:
    """A camera with lists, labelled vertices, a square and a triangle with properties around the list."""
    labels = [11, 12, 0, 28, 0]
    if kind == "ascii":
        rows = ["1.5 2 7 8", "2.5 0"]
        rows += [f"{x} {y} {z} 255 {label}" for (x, y, z), label in zip(POINTS, labels, strict=True)]
        return header(kind, *ELEMENTS) + text(*rows, "0 4 0 1 2 3 1.0", "1 3 0 2 3 0.5")
    order = "<" if kind == "binary_little_endian" else ">"
    body = struct.pack(order + "fBhhfB", 1.5, 2, 7, 8, 2.5, 0)
    for point, label in zip(POINTS, labels, strict=True):
        body += struct.pack(order + "fffBi", *point, 255, label)
    body += struct.pack(order + "BBiiiif", 0, 4, 0, 1, 2, 3, 1.0) + struct.pack(order + "BBiiif", 1, 3, 0, 2, 3, 0.5)
    return header(kind, *ELEMENTS) + body


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_all_three_forms(kind: str) -> None:
    mesh = parse_ply(by_hand(kind))
    assert mesh.vertices.tolist() == [list(point) for point in POINTS]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]
    assert mesh.labels is not None
    assert mesh.labels.tolist() == [11, 12, 0, 28, 0]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_cut_short_anywhere(kind: str) -> None:
    whole = by_hand(kind)
    last = len(whole) - (3 if kind == "ascii" else 0)  # "0.5" may lose its last digits and still be a number
    for end in range(len(whole) - 60, last):
        with pytest.raises(MalformedError):
            parse_ply(whole[:end])


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_reads_what_trimesh_writes(encoding: str, tetrahedron: Mesh) -> None:
    content = trimesh.Trimesh(tetrahedron.vertices, tetrahedron.faces, process=False).export(
        file_type="ply", encoding=encoding
    )
    mesh = parse_ply(content)
    np.testing.assert_array_equal(mesh.vertices, tetrahedron.vertices)
    np.testing.assert_array_equal(mesh.faces, tetrahedron.faces)
    assert mesh.labels is None


def test_doubles_and_crlf() -> None:
    content = by_hand("ascii").replace(b"\n", b"\r\n").replace(b"property float", b"property double")
    assert parse_ply(content).vertices[3].tolist() == [0, 1, 0.5]


@pytest.mark.parametrize(
    "elements",
    [
        ("element vertex 1000000000000\n" + XYZ,),
        ("element vertex 0\n" + XYZ, "element face 1000000000000\nproperty list uchar int vertex_indices\n"),
        ("element other 1000000000000\n",),
        ("element other 1000000000000\nproperty list uchar int a\n",),
    ],
)
@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_giant_counts_are_refused_before_memory_is_taken(kind: str, elements: tuple[str, ...]) -> None:
    with pytest.raises(MalformedError, match="promises 1000000000000 rows"):
        parse_ply(header(kind, *elements) + b"1 2 3 4\n")


def test_giant_list_is_refused() -> None:
    content = header("binary_little_endian", "element face 1\nproperty list uint int vertex_indices\n")
    with pytest.raises(MalformedError, match="cut short"):
        parse_ply(content + struct.pack("<Iiii", 2**32 - 1, 0, 1, 2))


@pytest.mark.parametrize("length", ["9223372036854774784", "1e300", "-1", "nan", "4"])
def test_list_lengths_in_text_that_make_no_sense(length: str) -> None:
    content = header("ascii", "element face 1\nproperty list uint int vertex_indices\n")
    with pytest.raises(MalformedError, match="cut short"):
        parse_ply(content + f"{length} 0 1 2\n".encode())


def test_negative_list_is_refused() -> None:
    content = header("binary_little_endian", "element face 1\nproperty list char int vertex_indices\n")
    with pytest.raises(MalformedError, match="cut short"):
        parse_ply(content + struct.pack("<biii", -1, 0, 1, 2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"ply\nformat ascii 1.0\nelement vertex 3\n", "no end_header"),
        (b"ply\nelement vertex 3\n" + XYZ.encode() + b"end_header\n", "no format line"),
        (b"ply\nformat binary 1.0\nend_header\n", "can't be read: 'format binary 1.0'"),
        (b"ply\nformat ascii 1.0\nelement vertex -3\nend_header\n", "can't be read"),
        (b"ply\nformat ascii 1.0\nproperty float x\nend_header\n", "can't be read"),
        (header("ascii", "element vertex 1\nproperty float x\n") + b"1\n", "no x, y and z"),
        (header("ascii", "element vertex 1\nproperty list uchar int x\n") + b"0\n", "vertices have a list"),
        (header("ascii", "element face 1\nproperty list uchar int corners\n") + b"0\n", "list vertex_indices"),
        (header("ascii", "element face 1\nproperty list uchar float vertex_index\n") + b"0\n", "list vertex_indices"),
        (header("ascii", "element face 1\nproperty list float int vertex_index\n") + b"0\n", "whole number"),
        (by_hand("ascii").replace(b"4 0 1 2 3", b"4 0 1 2 5"), "refer to vertices"),
        (by_hand("ascii").replace(b"4 0 1 2 3", b"4 0 1 2 -1"), "refer to vertices"),
        (by_hand("ascii").replace(b"4 0 1 2 3", b"4 0 1 2 1.5"), "no vertex number"),
        (by_hand("ascii").replace(b"1.0 1.0 0.0", b"1.0 x 0.0"), "expected a number, found 'x'"),
    ],
)
def test_refusals(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_ply(content)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("even", [True, False])
def test_labels_on_faces(kind: str, even: bool) -> None:
    element = "element face 2\nproperty list uchar int vertex_indices\nproperty float scalar_label\n"
    content = header(kind, "element vertex 5\n" + XYZ, element)
    square = [0, 1, 2] if even else [0, 1, 2, 3]
    if kind == "ascii":
        rows = [f"{x} {y} {z}" for x, y, z in POINTS]
        content += text(*rows, f"{len(square)} {' '.join(map(str, square))} 11", "3 0 2 3 12.0")
    else:
        order = "<" if kind == "binary_little_endian" else ">"
        content += b"".join(struct.pack(order + "fff", *point) for point in POINTS)
        content += struct.pack(f"{order}B{len(square)}if", len(square), *square, 11)
        content += struct.pack(order + "Biiif", 3, 0, 2, 3, 12)
    mesh = parse_ply(content)
    assert mesh.labels is None
    assert mesh.face_labels is not None
    assert mesh.face_labels.tolist() == [11, 12] if even else [11, 11, 12]


@pytest.mark.parametrize(
    "name", ["label", "Labels", "FDI", "scalar_label", "scalar_Label", "scalar_FDI", "tooth_label"]
)
def test_what_programs_call_labels(name: str) -> None:
    assert parse_ply(by_hand("ascii").replace(b"Label", name.encode())).labels is not None


def test_what_isnt_called_labels() -> None:
    assert parse_ply(by_hand("ascii").replace(b"Label", b"quality")).labels is None


def test_labels_of_eight_bytes() -> None:
    vertex = "element vertex 3\n" + XYZ + "property int64 label\n"
    content = header("binary_little_endian", vertex, "element face 1\nproperty list uint64 int64 vertex_indices\n")
    body = b"".join(struct.pack("<fffq", *point, 11) for point in POINTS[:3]) + struct.pack("<Qqqq", 3, 0, 1, 2)
    mesh = parse_ply(content + body)
    assert mesh.labels is not None
    assert (mesh.labels.tolist(), mesh.faces.tolist()) == ([11, 11, 11], [[0, 1, 2]])
    with pytest.raises(MalformedError, match="refer to vertices"):
        parse_ply(content + body[:-8] + struct.pack("<q", -1))


def test_a_header_of_cr_alone_before_a_body_that_begins_with_lf() -> None:
    content = header("binary_little_endian", "element vertex 1\nproperty uchar a\n" + XYZ).replace(b"\n", b"\r")
    assert parse_ply(content + b"\n" + struct.pack("<fff", 1, 2, 3)).vertices.tolist() == [[1, 2, 3]]
