"""Border loops, and the part of a surface whose border is loops."""

import numpy as np
import pytest

from scans.borders import border_loops, sound
from tests.scans.half_ball import half_ball, open_edges


def test_the_loop_of_a_half_ball_runs_along_its_faces():
    vertices, faces = half_ball()
    (loop,) = border_loops(faces, len(vertices))
    assert open_edges(faces) == set(zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True))


def test_a_hole_is_a_second_shorter_loop():
    vertices, faces = half_ball()
    top = int(vertices[:, 2].argmax())
    pierced = faces[(faces != top).all(axis=1)]
    border, hole = border_loops(pierced, len(vertices))
    assert len(hole) in (5, 6)
    assert len(hole) < len(border)
    assert open_edges(pierced) - open_edges(faces) == set(zip(hole.tolist(), np.roll(hole, -1).tolist(), strict=True))


def test_a_surface_that_is_not_sound_is_refused():
    two_triangles_at_a_corner = np.array([[0, 1, 2], [0, 3, 4]], np.int32)
    with pytest.raises(ValueError, match="not sound"):
        border_loops(two_triangles_at_a_corner, 5)


def test_sound_cuts_where_fins_stand_and_borders_meet():
    vertices, faces = half_ball()
    count = len(vertices)
    np.testing.assert_array_equal(sound(faces, count), faces)
    top = int(vertices[:, 2].argmax())
    at_top = faces[(faces == top).any(axis=1)]
    fin = np.array([[*at_top[0, :2], count]], np.int32)  # the third face of an edge
    assert len(border_loops(sound(np.concatenate([faces, fin]), count + 1), count + 1)) == 2
    apart = next(face for face in at_top if len(set(face.tolist()) & set(at_top[0].tolist())) == 1)
    tie = faces[(faces != at_top[0]).any(axis=1) & (faces != apart).any(axis=1)]
    left = sound(tie, count)
    assert len(border_loops(left, count)) == 2
    assert top not in left
    open_edges(left)
