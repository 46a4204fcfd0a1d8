import numpy as np
import trimesh

from renderers.normals import vertex_normals


def test_corner_of_a_cube_is_weighted_by_angle() -> None:
    # Three faces of a cube meet at the origin, one of them cut into two triangles: 90, 90 and 45 + 45 degrees.
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=np.float64)
    faces = np.array([[0, 4, 1], [0, 2, 4], [0, 1, 3], [0, 3, 2]], dtype=np.int32)
    np.testing.assert_allclose(vertex_normals(vertices, faces)[0], -np.ones(3) / np.sqrt(3), atol=1e-15)


def test_as_trimesh(bumpy: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = bumpy
    expected = trimesh.Trimesh(vertices, faces, process=False).vertex_normals
    np.testing.assert_allclose(vertex_normals(vertices, faces), expected, atol=1e-9)


def test_faces_without_area_and_loose_vertices() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0], [5, 5, 5]], dtype=np.float64)
    faces = np.array([[0, 1, 2], [0, 1, 3], [1, 1, 2], [2, 2, 2]], dtype=np.int32)
    expected = [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(vertex_normals(vertices, faces), expected)
