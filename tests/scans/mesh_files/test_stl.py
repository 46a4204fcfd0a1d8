import struct

import numpy as np
import pytest
import trimesh

from scans.mesh_files.parsed import MalformedError
from scans.mesh_files.stl import parse_stl

FACET = """facet normal 0 0 1
 outer loop
  vertex {} {} 0
  vertex 1 0 0
  VERTEX 1.0 1e0 -0.0
 endloop
endfacet
"""
TEXT = f"solid two\n{FACET.format(0, 0)}{FACET.format(0, 1)}endsolid two\n".encode()


def binary(count: int, *triangles: list[list[float]]) -> bytes:
    records = b"".join(
        struct.pack("<12fH", 0, 0, 1, *[value for corner in triangle for value in corner], 0) for triangle in triangles
    )
    return b"\0" * 80 + struct.pack("<I", count) + records


def test_text() -> None:
    mesh = parse_stl(TEXT)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert mesh.faces.dtype == np.int32


def test_binary() -> None:
    first, second = [[5, 5, 5], [0, 0, 0], [1, 0, 0]], [[1, 0, 0], [-0.0, 0, -0.0], [2, 2, 2]]
    mesh = parse_stl(binary(2, first, second))
    assert mesh.vertices.tolist() == [*first, *second]
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert mesh.notes == ()


@pytest.mark.parametrize("header", [b"solid jaw", b"solid\nfacet normal", b"v 1.0 2.0 3.0\nv 1 2 3\n", b"ply\n"])
def test_the_length_says_that_it_is_binary_whatever_its_header(header: bytes) -> None:
    content = header + binary(1, [[5, 5, 5], [0, 0, 0], [1, 0, 0]])[len(header) :]
    assert len(parse_stl(content).faces) == 1


def test_spare_bytes_are_left_out_with_a_note() -> None:
    triangle = [[5, 5, 5], [0, 0, 0], [1, 0, 0]]
    mesh = parse_stl(binary(1, triangle) + b"\r\n")
    assert mesh.vertices.tolist() == triangle
    assert mesh.notes == ("2 bytes behind the last face are left out",)
    with pytest.raises(MalformedError, match="a binary STL of 1 faces takes 134 bytes, and it has 184"):
        parse_stl(binary(1, triangle, triangle))  # a whole face is no spare


@pytest.mark.parametrize("old", ["endloop", "endfacet", "endsolid"])
def test_end_may_stand_alone(old: str) -> None:
    assert len(parse_stl(TEXT.replace(old.encode(), f"END {old[3:]}".encode())).faces) == 2


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_reads_what_trimesh_writes(kind: str) -> None:
    sphere = trimesh.creation.icosphere(2)
    content = sphere.export(file_type=kind)
    mesh = parse_stl(content if isinstance(content, bytes) else content.encode())
    np.testing.assert_allclose(mesh.vertices[mesh.faces], sphere.vertices[sphere.faces], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (binary(2, [[0, 0, 0]] * 3), "a binary STL of 2 faces takes 184 bytes, and it has 134"),
        (binary(2**32 - 1, [[0, 0, 0]] * 3), "a binary STL of 4294967295 faces"),
        (b"short", "too short"),
        (TEXT[: len(TEXT) // 2], "cut short"),
        (TEXT.replace(b"  vertex 1 0 0\n", b"", 1), "cut short or broken"),
        (TEXT.replace(b"vertex 1 0 0", b"vertex 1 0", 1), "cut short or broken"),
        (TEXT.replace(b"vertex 1 0 0", b"vertex 1 0 z", 1), "expected a number, found 'z'"),
    ],
)
def test_refusals(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_stl(content)
