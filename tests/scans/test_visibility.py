from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import Delaunay

from scans.cameras import Camera
from scans.visibility import NEAR, visibility_buffers


def visibility(
    vertices: np.ndarray, faces: np.ndarray, camera: Camera, *, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """One camera's buffer, with nearness 0 where there is no face."""
    face_ids, nearness = next(visibility_buffers(vertices, faces, [camera], samples=samples))
    np.testing.assert_array_equal(nearness == -np.inf, face_ids == -1)
    return face_ids, np.where(face_ids == -1, 0, nearness)


def test_a_rectangle_covers_the_samples_inside_it(camera: Camera, quad) -> None:
    vertices, faces = quad(3.2, 4.6, 9.7, 11.4, depth=2.0)
    face_ids, nearness = visibility(vertices, faces, camera, samples=1)
    expected = np.zeros((16, 16), dtype=bool)
    expected[5:11, 3:10] = True  # middles at 3.5 ... 9.5 and 5.5 ... 10.5
    np.testing.assert_array_equal(face_ids >= 0, expected)
    np.testing.assert_allclose(nearness, expected / 2.0, rtol=1e-12)


def test_four_samples_stand_on_the_rotated_grid(camera: Camera, quad) -> None:
    face_ids, nearness = visibility(*quad(3.2, 4.6, 9.7, 11.4, depth=2.0), camera, samples=4)
    assert face_ids.shape == (64, 16)
    expected = np.zeros((64, 16), dtype=bool)
    for sample, offset in enumerate((0.625, 0.125, 0.875, 0.375)):  # OpenGL's usual four, from the top down
        columns, rows = np.arange(16) + offset, np.arange(16) + (sample + 0.5) / 4
        inside = ((rows > 4.6) & (rows < 11.4))[:, None] & ((columns > 3.2) & (columns < 9.7))
        expected[sample::4] = inside
    np.testing.assert_array_equal(face_ids >= 0, expected)
    np.testing.assert_allclose(nearness, expected / 2.0, rtol=1e-12)


@pytest.mark.parametrize("size", [1.5, 6.0])
def test_four_samples_are_those_of_finer_pictures(camera: Camera, size: float) -> None:
    """Sample s of a pixel is the middle of a pixel of a camera that is moved by its place and has taller pixels."""
    random = np.random.default_rng(2)
    corners = random.uniform(-2, 18, (300, 1, 2)) + random.uniform(-size, size, (300, 3, 2))
    depth = random.uniform(1, 4, (300, 3, 1))
    flat = np.concatenate(((corners - 8) / 8 * (1, -1), -np.ones((300, 3, 1))), axis=2) * depth
    soup, faces = flat.reshape(-1, 3), np.arange(900, dtype=np.int32).reshape(-1, 3)
    four, _ = visibility(soup, faces, camera, samples=4)
    assert (four >= 0).any()
    for sample, offset in enumerate((0.625, 0.125, 0.875, 0.375)):
        moved = replace(camera, cx=8.5 - offset, cy=8.5 - (sample + 0.5) / 4)
        np.testing.assert_array_equal(four[sample::4], visibility(soup, faces, moved, samples=1)[0])


@pytest.mark.parametrize("turned", [False, True])
def test_samples_on_the_border_belong_to_the_top_and_the_left(camera: Camera, quad, turned: bool) -> None:
    vertices, faces = quad(2.5, 3.5, 6.5, 8.5, depth=1.0)
    face_ids, _ = visibility(vertices, faces[:, ::-1] if turned else faces, camera, samples=1)
    expected = np.zeros((16, 16), dtype=bool)
    expected[3:8, 2:6] = True
    np.testing.assert_array_equal(face_ids >= 0, expected)


def test_neighbours_leave_no_gap_and_share_no_sample(camera: Camera) -> None:
    random = np.random.default_rng(0)
    # Some corners on the samples, so that edges run through them.
    inner = np.concatenate((random.uniform(0, 16, (80, 2)), random.integers(0, 16, (40, 2)) + 0.5))
    flat = np.concatenate((inner, [(-4, -4), (20, -4), (20, 20), (-4, 20)]))
    faces = Delaunay(flat).simplices.astype(np.int32)
    depth = random.uniform(1, 3, len(flat))
    points = np.stack((flat[:, 0] - 8, 8 - flat[:, 1], np.full(len(flat), -8.0)), axis=1) / 8 * depth[:, None]
    covered = sum((visibility(points, face[None], camera, samples=1)[0] >= 0).astype(int) for face in faces)
    np.testing.assert_array_equal(covered, 1)


def test_the_nearest_face_wins_whatever_the_order(camera: Camera, quad) -> None:
    far, faces = quad(0, 0, 16, 16, depth=3.0)
    near, _ = quad(4, 4, 8, 8, depth=2.0)
    vertices = np.concatenate((far, near))
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        both = np.concatenate((faces, faces + 4))[order]
        _, nearness = visibility(vertices, both, camera, samples=1)
        expected = np.full((16, 16), 1 / 3)
        expected[4:8, 4:8] = 1 / 2
        np.testing.assert_allclose(nearness, expected, rtol=1e-12)


def test_of_equally_near_faces_the_first_wins(camera: Camera, quad) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    face_ids, _ = visibility(vertices, np.concatenate((faces, faces)), camera, samples=1)
    assert set(np.unique(face_ids)) == {0, 1}


def test_intersecting_faces_meet_where_their_depths_do(camera: Camera) -> None:
    # Two planes through x = 0 at depth 4, one receding to the left, one to the right.
    vertices = np.array(
        [(-9, -9, -13), (9, -9, 5), (9, 9, 5), (-9, 9, -13), (-9, -9, 5), (9, -9, -13), (9, 9, -13), (-9, 9, 5)],
        dtype=np.float64,
    )
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=np.int32)
    face_ids, nearness = visibility(vertices, faces, camera, samples=1)
    right = (np.arange(16) + 0.5 - 8) / 8
    # The nearer of depth = 4 - x and depth = 4 + x with x = right * depth.
    np.testing.assert_allclose(nearness, np.broadcast_to((1 + np.abs(right)) / 4, (16, 16)), rtol=2e-3)
    assert (face_ids[:, :8] >= 2).all()
    assert (face_ids[:, 8:] < 2).all()


def floor(height: float) -> tuple[np.ndarray, np.ndarray]:
    vertices = np.array([[-50, -height, 50], [50, -height, 50], [50, -height, -50], [-50, -height, -50]])
    return vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


def test_a_floor_through_the_camera_plane_is_cut_at_the_near_plane(camera: Camera) -> None:
    down = (np.arange(16) + 0.5 - 8) / 8  # tangent of each row's angle below the horizon
    _, nearness = visibility(*floor(1.0), camera, samples=1)
    np.testing.assert_allclose(nearness, np.repeat(np.where(down > 0, down, 0)[:, None], 16, axis=1), rtol=2e-3)
    # So near under the camera that the lower rows see it closer than the near plane.
    low = 0.5 * NEAR
    _, nearness = visibility(*floor(low), camera, samples=1)
    seen = (down > 0) & (low / np.maximum(down, 1e-9) >= NEAR)
    assert 0 < seen.sum() < 8
    np.testing.assert_array_equal(nearness > 0, np.repeat(seen[:, None], 16, axis=1))


def test_cut_faces_leave_no_gap_and_share_no_sample(camera: Camera) -> None:
    random = np.random.default_rng(1)
    flat = np.concatenate((random.uniform(-8, 8, (150, 2)), [(-9, -9), (9, -9), (9, 9), (-9, 9)]))
    faces = Delaunay(flat).simplices.astype(np.int32)
    # A wide wall that leans over the camera: near below, behind the camera above, cut by the near plane in between.
    wall = np.stack((flat[:, 0], flat[:, 1], 0.4 * flat[:, 1] + 0.1 * flat[:, 0] - 0.3), axis=1)
    fine = replace(camera, fx=64.0, fy=64.0, cx=64.0, cy=64.0, width=128, height=128)
    covered = sum((visibility(wall, face[None], fine, samples=1)[0] >= 0).astype(int) for face in faces)
    tangent = (np.arange(128) + 0.5 - 64) / 64
    right, up = tangent[None, :], -tangent[:, None]
    # On a ray of depth d the wall is met where -d = d (0.4 up + 0.1 right) - 0.3.
    depth = 0.3 / (1 + 0.4 * up + 0.1 * right)
    inside = np.maximum(np.abs(right), np.abs(up)) * depth < 8.9
    assert inside.all()
    np.testing.assert_array_equal(covered, 1)
    assert any(wall[face, 2].max() > -NEAR > wall[face, 2].min() for face in faces)


def test_faces_behind_the_camera_are_not_seen(camera: Camera, quad) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    for behind in (-vertices, vertices * (1, 1, -1), vertices * (0.01, 0.01, 0.01)):
        assert (visibility(behind, faces, camera, samples=1)[0] == -1).all()


def test_faces_without_area_are_not_seen(camera: Camera) -> None:
    vertices = np.array([[-1, -1, -2], [1, 1, -2], [0, 0, -2], [0, 0, -2], [0, 0, 5]], dtype=np.float64)
    faces = np.array([[0, 1, 2], [2, 3, 2], [0, 0, 0], [2, 3, 4], [0, 1, 0]], dtype=np.int32)
    assert (visibility(vertices, faces, camera, samples=1)[0] == -1).all()


@pytest.mark.parametrize("size", [1e3, 1e6, 2e6, 1e9])
def test_faces_far_larger_than_the_picture(camera: Camera, size: float) -> None:
    corners = np.array([[-size, -size, -2], [size, -size, -2], [0, size, -2]])
    _, nearness = visibility(corners, np.array([[0, 1, 2]], dtype=np.int32), camera, samples=4)
    np.testing.assert_allclose(nearness, 0.5, rtol=1e-6)
    tilted = corners * (1, 1, 1) - (0, 0, size)
    tilted[2, 2] = size  # passes over the camera's head, with its lower border at the depth of its size
    face_ids, _ = visibility(tilted, np.array([[0, 1, 2]], dtype=np.int32), camera, samples=4)
    assert (face_ids[:32] == 0).any()


def test_a_ball_is_as_large_as_its_tangent_cone(rig: list[Camera]) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.9)
    vertices, faces = np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int32)
    expected = np.pi * (rig[0].fx * np.tan(np.arcsin(0.9 / 3))) ** 2
    for camera in rig:
        face_ids, nearness = visibility(vertices, faces, camera, samples=1)
        assert (face_ids >= 0).sum() == pytest.approx(expected, rel=0.01)
        assert nearness.max() == pytest.approx(1 / (3 - 0.9), rel=1e-3)


def test_intrinsics_move_and_stretch_the_picture(camera: Camera, quad) -> None:
    vertices, faces = quad(4, 4, 8, 8, depth=2.0)
    other = replace(camera, fx=16.0, cx=20.0, cy=6.0, width=40, height=12)
    face_ids, _ = visibility(vertices, faces, other, samples=1)
    expected = np.zeros((12, 40), dtype=bool)
    expected[2:6, 12:20] = True
    np.testing.assert_array_equal(face_ids >= 0, expected)


def test_parallel_lines_of_sight(camera: Camera) -> None:
    # Eight pixels a unit whatever the depth, and depths that are linear in the picture.
    vertices = np.array([(-0.5, -0.5, -2), (0.5, -0.5, -6), (0.5, 0.5, -6), (-0.5, 0.5, -2)], dtype=np.float64)
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    face_ids, nearness = visibility(vertices, faces, replace(camera, orthographic=True), samples=1)
    expected = np.zeros((16, 16), dtype=bool)
    expected[4:12, 4:12] = True
    np.testing.assert_array_equal(face_ids >= 0, expected)
    np.testing.assert_allclose(nearness[6, 4:12], -(2 + 4 * (np.arange(8) + 0.5) / 8), rtol=1e-12)
    near, far = (vertices * (1, 1, 0) - (0, 0, depth) for depth in (3, 5))
    for order in ([far, near], [near, far]):
        both = np.concatenate(order), np.concatenate((faces, faces + 4))
        _, nearness = visibility(*both, replace(camera, orthographic=True), samples=1)
        np.testing.assert_allclose(nearness[4:12, 4:12], -3, rtol=1e-12)


def test_parallel_lines_of_sight_are_cut_at_the_near_plane(camera: Camera) -> None:
    # A wall that passes through the camera's plane where x is 0, and reaches beyond what can be snapped.
    wall = np.array([(-1e6, -50, -1e6), (1e6, -50, 1e6), (1e6, 50, 1e6), (-1e6, 50, -1e6)], dtype=np.float64)
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    _, nearness = visibility(wall, faces, replace(camera, orthographic=True), samples=1)
    depth = -(np.arange(16) + 0.5 - 8) / 8
    np.testing.assert_allclose(
        nearness, np.broadcast_to(np.where(depth > NEAR, -depth, 0), (16, 16)), atol=5e-4
    )  # snapping
