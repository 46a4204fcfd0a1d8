"""Borders and what closes them."""

import numpy as np
import pytest
import trimesh

from scans.synthetic.loops import border_loops, distinct, fan, sound, strip, zipper


def half_ball() -> tuple[np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=2)
    faces = np.asarray(ball.faces, np.int32)
    return np.asarray(ball.vertices), faces[(np.asarray(ball.vertices)[faces][:, :, 2] > -0.01).all(axis=1)]


def open_edges(faces: np.ndarray) -> set[tuple[int, int]]:
    edges = {(int(f[k]), int(f[(k + 1) % 3])) for f in faces for k in range(3)}
    assert len(edges) == 3 * len(faces)  # no edge is there twice in one direction: manifold and oriented alike
    return {edge for edge in edges if edge[::-1] not in edges}


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
    assert open_edges(np.concatenate([pierced, fan(hole, top)])) == open_edges(faces)


@pytest.mark.parametrize("count", [3, 8, 200])
def test_a_strip_leads_the_border_on_to_a_ring(count: int):
    vertices, faces = half_ball()
    (loop,) = border_loops(faces, len(vertices))
    ring = len(vertices) + np.arange(count)
    keys, ring_keys = np.arange(len(loop)) / len(loop), np.arange(count) / count
    walled = np.concatenate([faces, strip(loop, keys, ring, ring_keys)])
    assert open_edges(walled) == set(zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))


@pytest.mark.parametrize("middle", [0, 3, 8])
def test_a_zipper_leaves_the_chord(middle: int):
    path = np.arange(9)
    keys = np.abs(path - middle) / 8
    triangles = distinct(zipper(path, keys))
    assert len(triangles) == 7
    assert open_edges(triangles) == {(0, 8)} | {(n + 1, n) for n in range(8)}


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
