"""Surface nets, on a ball whose surface is known, and the choice of the piece that is kept."""

import numpy as np
import trimesh

from scans.synthetic.surface import _split, _surface_nets, keep


def ball(radius: float = 7.3) -> tuple[np.ndarray, np.ndarray]:
    grid = np.stack(np.meshgrid(*[np.arange(20.0)] * 3, indexing="ij"), axis=-1)
    vertices, quads = _surface_nets((np.linalg.norm(grid - 9.4, axis=-1) - radius).astype(np.float32))
    return vertices, _split(vertices, quads)


def test_a_ball_is_closed_outward_and_round():
    vertices, faces = ball()
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    np.testing.assert_allclose(np.linalg.norm(vertices - 9.4, axis=1), 7.3, atol=0.15)
    assert 0.95 * 4 / 3 * np.pi * 7.3**3 < mesh.volume < 4 / 3 * np.pi * 7.3**3


def test_keep_drops_what_is_cut_off_and_small_pieces():
    vertices, faces = ball()
    far = vertices + 100
    both = np.concatenate([vertices, far])
    kept = np.ones(len(both), bool)
    kept[len(vertices) :] = far[:, 2] > 109  # half of the second ball is cut off
    got, triangles = keep(both, np.concatenate([faces, faces + len(vertices)]), kept)
    np.testing.assert_array_equal(got, vertices)
    np.testing.assert_array_equal(triangles, faces)
    assert triangles.dtype == np.int32
