"""Which part of the solid a scan holds, and its normals."""

import numpy as np
import trimesh

from scans.synthetic.border import Border
from scans.synthetic.surface import MOST_ISLANDS, normals, scanned


def balls() -> tuple[np.ndarray, np.ndarray]:
    """A ball of 1280 faces, one of 20, and one of 1280 that lies outside."""
    large, small = (trimesh.creation.icosphere(subdivisions=n, radius=7.3) for n in (3, 0))
    vertices, faces, count = [], [], 0
    for number, ball in enumerate((large, small, large)):
        vertices.append(np.asarray(ball.vertices) + 100 * number)
        faces.append(np.asarray(ball.faces, np.int32) + count)
        count += len(ball.vertices)
    return np.concatenate(vertices), np.concatenate(faces)


def test_the_main_piece_and_small_islands_are_kept():
    vertices, faces = balls()
    none = np.zeros(len(vertices), bool)
    border = Border(np.where(vertices[:, 0] > 150, -1.0, 1.0), none, none, np.zeros(len(vertices)))
    main, islands = scanned(faces, len(vertices), border, closed=False)
    np.testing.assert_array_equal(main, faces[:1280])
    assert len(islands) == 0  # 20 of 1280 is more than prepare would take
    assert MOST_ISLANDS * 1280 < 20


def test_what_is_cut_off_at_the_border_and_in_holes_is_not_there():
    vertices, faces = balls()
    none = np.zeros(len(vertices), bool)
    inside = np.where(vertices[:, 2] > 2.0, -1.0, 1.0)
    hole = vertices[:, 2] < -6.9
    main, _ = scanned(faces, len(vertices), Border(inside, hole, none, np.zeros(len(vertices))), closed=True)
    assert vertices[main][:, :, 2].max() <= 2.0
    assert vertices[main][:, :, 2].min() >= -6.9
    assert 500 < len(main) < 1280


def test_normals_of_a_ball_point_outward():
    vertices, faces = balls()
    vertices, faces = vertices[:642], faces[:1280]
    np.testing.assert_allclose(normals(vertices, faces), vertices / 7.3, atol=0.03)
