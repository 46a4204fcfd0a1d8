"""The choice of the piece that is kept."""

import numpy as np
import trimesh

from scans.synthetic.surface import keep


def test_keep_drops_what_is_cut_off_and_small_pieces():
    ball = trimesh.creation.icosphere(subdivisions=2, radius=7.3)
    vertices, faces = np.asarray(ball.vertices) + 9.4, np.asarray(ball.faces)
    far = vertices + 100
    both = np.concatenate([vertices, far])
    kept = np.ones(len(both), bool)
    kept[len(vertices) :] = far[:, 2] > 109  # half of the second ball is cut off
    got, triangles = keep(both, np.concatenate([faces, faces + len(vertices)]), kept)
    np.testing.assert_array_equal(got, vertices)
    np.testing.assert_array_equal(triangles, faces)
    assert triangles.dtype == np.int32
