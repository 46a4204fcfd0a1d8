import numpy as np
import pytest

from scans.mesh import Mesh
from scans.sampling.border import border_edges, continued

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_edges_of_one_face_in_its_direction(tetrahedron: Mesh) -> None:
    assert sorted(border_edges(HALVES).tolist()) == [[0, 1, 0], [1, 2, 0], [2, 3, 1], [3, 0, 1]]
    assert sorted(border_edges(HALVES[:, ::-1]).tolist()) == [[0, 3, 1], [1, 0, 0], [2, 1, 0], [3, 2, 1]]
    assert len(border_edges(tetrahedron.faces)) == 0
    assert len(border_edges(np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]]))) == 6  # three faces at one edge


@pytest.mark.parametrize("turn", [1, -1])
def test_a_square_grows_on_all_sides_and_keeps_its_normal(turn: int) -> None:
    vertices, faces = continued(SQUARE, HALVES[:, ::turn], 0.1 * np.sqrt(2))
    assert sorted(map(tuple, vertices[4:].round(9).tolist())) == [
        (-0.1, -0.1, 0), (-0.1, 1.1, 0), (1.1, -0.1, 0), (1.1, 1.1, 0),
    ]  # fmt: skip
    a, b, c = vertices[faces.T]
    doubled = np.cross(b - a, c - a)
    assert (doubled[:, 2] * turn > 0).all()
    assert np.abs(doubled).sum() / 2 == pytest.approx(1.2**2)
    assert faces.dtype == np.int32


def test_a_hole_narrows() -> None:
    ring = np.concatenate([SQUARE * 3, np.add(SQUARE, [1, 1, 0])])
    faces = [corner for k in range(4) for corner in ([k, (k + 1) % 4, 4 + k], [(k + 1) % 4, 4 + (k + 1) % 4, 4 + k])]
    vertices, _ = continued(ring, np.array(faces, np.int32), 0.1 * np.sqrt(2))
    np.testing.assert_allclose(vertices[12:], [[1.1, 1.1, 0], [1.9, 1.1, 0], [1.9, 1.9, 0], [1.1, 1.9, 0]])


def test_a_closed_surface_has_nothing_beyond(tetrahedron: Mesh) -> None:
    vertices, faces = continued(tetrahedron.vertices, tetrahedron.faces, 1.0)
    assert vertices is tetrahedron.vertices
    assert faces is tetrahedron.faces
