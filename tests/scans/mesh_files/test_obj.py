import numpy as np
import pytest

from scans.mesh_files.obj import parse_obj
from scans.mesh_files.parsed import MalformedError

SQUARE = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
TWO = [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    "faces",
    [
        b"f 1 2 3\nf 1 3 4\n",
        b"f 1 2 3\r\nf 1 3 4\r\n",
        b"f 1 2 3\rf 1 3 4",
        b"f 1/1 2/2 3/3\nf 1/9 3/9 4/9\n",
        b"f 1//1 2//1 3//1\nf 1//1 3//1 4//1\n",
        b"f 1/2/3 2/2/3 3/2/3\nf 1/-2/-3 3/1/1 4/1/1\n",
        b"f -4 -3 -2\nf -4 -2 -1\n",
        b"f 1 2 3 4\n",
        b"\tf\t1  2\t3 4   # a square\n",
        b"f 1 2 \\\n3 4\n",
        b"f 1 2 \\\r\n3 4\r\n",
        b"s off\nusemtl a\ng b\nf 1 2 3 4\nl 1 2\np 1",
    ],
)
def test_faces(faces: bytes) -> None:
    mesh = parse_obj(SQUARE + faces)
    assert mesh.faces.tolist() == TWO
    assert mesh.faces.dtype == np.int32
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.labels is None


def test_vertices_with_colours_weights_and_stray_lines() -> None:
    text = (
        b"made by somebody\n# comment\nmtllib a.mtl\nv 1 2 3 0.5 0.5 0.5\nvn 0 0 1\nvt 0.5 0.5\n"
        b"  v -1.5e1 +.25 3. 1.0\nvp 1 2\nv\t7\t8\t9\no caf\xe9\nf 1 2 3"
    )
    assert parse_obj(text).vertices.tolist() == [[1, 2, 3], [-15, 0.25, 3], [7, 8, 9]]


def test_unreferenced_and_equal_vertices_stay() -> None:
    mesh = parse_obj(b"v 9 9 9\nv 0 0 0\nv 1 0 0\nv 0 0 0\nv 8 8 8\nf 2 3 4\n")
    assert mesh.vertices[:, 0].tolist() == [9, 0, 1, 0, 8]


def test_faces_may_come_before_their_vertices() -> None:
    assert parse_obj(b"f 1 2 3 4\n" + SQUARE).faces.tolist() == TWO


def test_arrays_grow_in_the_middle_of_a_polygon() -> None:
    corners = 500  # many more triangles than the first guess from the file's length
    ring = b"".join(b"v %d 0 0\n" % k for k in range(corners))
    mesh = parse_obj(ring + b"f 1 2 3\nf " + b" ".join(b"%d" % (k + 1) for k in range(corners)))
    assert len(mesh.faces) == 1 + corners - 2
    assert mesh.faces[1:].tolist() == [[0, k, k + 1] for k in range(1, corners - 1)]
    assert mesh.vertices[:, 0].tolist() == list(range(corners))


def test_coordinates_that_need_pythons_float() -> None:
    digits = "0.1234567890123456789012345"
    mesh = parse_obj(f"v {digits} 1e300 -{digits}\nv nan inf 1e-300\nv 0 0 0\nf 1 2 3".encode())
    assert mesh.vertices[0].tolist() == [float(digits), 1e300, -float(digits)]
    assert np.isnan(mesh.vertices[1, 0])
    assert mesh.vertices[1, 1:].tolist() == [np.inf, 1e-300]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"v 1 2", "line 5: a vertex has fewer than three coordinates"),
        (b"v 1 2 # 3", "line 5: a vertex has fewer than three coordinates"),
        (b"v 1 2 x", "line 5: expected a number, found 'x'"),
        (b"v 1 2 \xff\xfe", "line 5: expected a number"),
        (b"f 1 2", "line 5: a face has fewer than three corners"),
        (b"f 1 2 x", "line 5: a face has a corner that is no vertex number"),
        (b"f 1 2 3.5", "line 5: a face has a corner that is no vertex number"),
        (b"f 1 2 3/a", "line 5: a face has a corner that is no vertex number"),
        (b"f 1 2 -", "line 5: a face has a corner that is no vertex number"),
        (b"f 1 2 \\", "line 5: a face has a corner that is no vertex number"),
        (b"f 0 1 2", "line 5: a face refers to vertex 0, but OBJ counts from 1"),
        (b"f 1 2 -5", "line 5: a face counts back beyond the first vertex"),
        (b"f 1 2 5", "1 of 1 faces refer to vertices that the file doesn't have"),
        (b"f 1 2 99999999999999999999999", "1 of 1 faces refer to vertices that the file doesn't have"),
    ],
)
def test_broken_lines(line: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_obj(SQUARE + line)


@pytest.mark.parametrize("end", range(1, 200, 7))
def test_truncated_anywhere_is_a_mesh_or_refused(end: int) -> None:
    text = (SQUARE + b"f 1//1 2//2 3//3 4//4 # x\nf -1 -2 -3\nv 1.25e-1 0.12345678901234567890 3\n") * 3
    try:
        mesh = parse_obj(text[:end])
    except MalformedError:
        return
    assert mesh.faces.max(initial=-1) < len(mesh.vertices)
