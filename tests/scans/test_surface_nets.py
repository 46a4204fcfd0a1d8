import numpy as np
import trimesh

from scans.surface_nets import surface_nets

GRID = np.stack(np.meshgrid(*[np.arange(20.0)] * 3, indexing="ij"), axis=-1) - 9.4
BALL = np.linalg.norm(GRID, axis=-1) - 7.3


def test_a_ball_is_closed_outward_and_round():
    vertices, faces = surface_nets(BALL.astype(np.float32))
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    np.testing.assert_allclose(np.linalg.norm(vertices - 9.4, axis=1), 7.3, atol=0.15)
    assert 0.95 * 4 / 3 * np.pi * 7.3**3 < mesh.volume < 4 / 3 * np.pi * 7.3**3


def test_the_surface_ends_where_the_field_is_unknown():
    half = BALL.copy()
    half[10:] = np.nan
    vertices, faces = surface_nets(half)
    used = vertices[np.unique(faces)]
    assert used[:, 0].max() <= 9
    np.testing.assert_allclose(np.linalg.norm(used - 9.4, axis=1), 7.3, atol=0.3)
    mesh = trimesh.Trimesh(vertices, faces, process=True)
    assert not mesh.is_watertight
    assert 0.3 < mesh.area / (4 * np.pi * 7.3**2) < 0.5


def test_a_field_of_one_sign_has_no_surface():
    vertices, faces = surface_nets(np.ones((4, 4, 4)))
    assert vertices.shape == (0, 3)
    assert faces.shape == (0, 3)
