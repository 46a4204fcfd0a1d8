import struct

import numpy as np
import pytest
import trimesh

from scans.mesh_files.malformed import MalformedError
from scans.mesh_files.stl import merge_equal, parse_stl

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
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 1, 2]]
    assert mesh.faces.dtype == np.int32


def test_binary_merges_in_order_of_first_appearance() -> None:
    first, second = [[5, 5, 5], [0, 0, 0], [1, 0, 0]], [[1, 0, 0], [-0.0, 0, -0.0], [2, 2, 2]]
    mesh = parse_stl(binary(2, first, second))
    assert mesh.vertices.tolist() == [[5, 5, 5], [0, 0, 0], [1, 0, 0], [2, 2, 2]]
    assert mesh.faces.tolist() == [[0, 1, 2], [2, 1, 3]]


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_reads_what_trimesh_writes(kind: str) -> None:
    sphere = trimesh.creation.icosphere(2)
    content = sphere.export(file_type=kind)
    mesh = parse_stl(content if isinstance(content, bytes) else content.encode())
    assert mesh.vertices.shape == sphere.vertices.shape
    np.testing.assert_allclose(mesh.vertices[mesh.faces], sphere.vertices[sphere.faces], atol=1e-6)


def test_merging_agrees_with_numpy() -> None:
    corners = np.random.default_rng(0).integers(0, 6, (500, 3)).astype(np.float64)
    first, number = merge_equal(corners)
    _, index = np.unique(corners, axis=0, return_index=True)
    assert first.tolist() == sorted(index.tolist())
    np.testing.assert_array_equal(corners[first][number], corners)


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
