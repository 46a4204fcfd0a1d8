import numpy as np
import pytest

from renderers.rigs.rigs import around_the_jaw, jittered, ring_rig
from scans.cameras import Camera, camera_array
from scans.errors import UserError
from scans.seeds import generator

FIGURES = {"ring_views": 9, "elevation": 20, "distance": 3, "field_of_view": 40, "image_size": 100}
NO_JITTER = {"azimuth": 0.0, "elevation": 0.0, "distance": 0.0, "roll": 0.0, "aim": 0.0}


def project(camera: Camera, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Column, row and depth of a point of the world."""
    x, y, z = camera.rotation.T @ (np.array(point) - camera.position)
    return camera.cx + camera.fx * x / -z, camera.cy - camera.fy * y / -z, -z


def test_view_0_sees_the_incisors_from_the_front(rig: list[Camera]) -> None:
    front, incisors, right_molars, crowns = rig[0], (0, -0.9, 0), (0.9, 0, 0), (0, 0, 0.3)
    assert front.position[1] < 0
    assert abs(front.position[0]) < 1e-12
    column, _, depth = project(front, incisors)
    assert column == pytest.approx(48)
    assert depth < project(front, (0, 0.9, 0))[2]
    assert project(front, right_molars)[0] > 48, "the patient's right is on the right of the front view"
    assert project(front, crowns)[1] < project(front, (0, 0, -0.3))[1], "crowns up"


def test_the_ring_passes_over_the_patients_right_first(rig: list[Camera]) -> None:
    ring = np.array([camera.position for camera in rig[:9]])
    azimuths = np.degrees(np.unwrap(np.arctan2(ring[:, 1], ring[:, 0])))
    np.testing.assert_allclose(azimuths, -90 + 40 * np.arange(9))
    assert ring[1, 0] > 0
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 3)
    np.testing.assert_allclose(ring[:, 2], 3 * np.sin(np.radians(20)))


def test_the_top_view_is_a_dental_chart(rig: list[Camera]) -> None:
    top = rig[9]
    np.testing.assert_allclose(top.position, (0, 0, 3), atol=1e-12)
    assert project(top, (0, -0.9, 0))[1] < 48, "incisors at the top"
    assert project(top, (0.9, 0, 0))[0] < 48, "patient's right on the left"


def test_all_look_at_the_origin_and_hold_the_unit_sphere(rig: list[Camera]) -> None:
    for camera in rig:
        np.testing.assert_allclose(project(camera, (0, 0, 0)), (48, 48, 3))
        assert camera.fx / 3 < 48
        # The tangent cone of the unit sphere, whose sine is 1/3, is narrower than half of 40 degrees.
        assert camera.fx * np.tan(np.arcsin(1 / 3)) < 48
        assert camera.fy == pytest.approx(48 / np.tan(np.radians(20)))


def test_order_chooses_the_place_of_each_view(rig: list[Camera]) -> None:
    order = [9, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    ordered = ring_rig(**{**FIGURES, "image_size": 96}, order=order)
    np.testing.assert_array_equal(camera_array(ordered), camera_array([rig[view] for view in order]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ring_views", 0),
        ("elevation", 90),
        ("elevation", float("nan")),
        ("distance", 0),
        ("distance", float("inf")),
        ("field_of_view", 180),
        ("field_of_view", 0),
        ("order", [0, 1, 2]),
        ("order", [0, 0, *range(2, 10)]),
        ("image_size", 0),
    ],
)
def test_figures_out_of_bounds_are_named(name: str, value: object) -> None:
    with pytest.raises(UserError, match=name.split("_")[0]):
        ring_rig(**{**FIGURES, "order": range(10), name: value})


def test_the_top_view_stands_at_azimuth_180_and_elevation_90(rig: list[Camera]) -> None:
    np.testing.assert_allclose(around_the_jaw(180, 90, 3), rig[9].transform, atol=1e-12)
    np.testing.assert_array_equal(around_the_jaw(80, 20, 3), rig[2].transform)


def many(rig: list[Camera], **spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Camera-to-world matrices of 400 jittered cameras, and of the camera that each strayed from; (400, 4, 4) both."""
    made = [jittered(rig, generator(0, str(case)), **NO_JITTER | spread) for case in range(40)]
    return (
        np.array([camera.transform for cameras in made for camera in cameras]),
        np.array([camera.transform for _ in made for camera in rig]),
    )


def angle(cosine: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def target(transforms: np.ndarray) -> np.ndarray:
    """Where each line of sight comes nearest to the origin."""
    position, backward = transforms[:, :3, 3], transforms[:, :3, 2]
    return position - np.sum(position * backward, axis=1)[:, None] * backward


def test_no_jitter_leaves_the_rig_to_the_last_bit(rig: list[Camera]) -> None:
    cameras = jittered(rig, generator(0, "a"), **NO_JITTER)
    assert camera_array(cameras).tobytes() == camera_array(rig).tobytes()


@pytest.mark.parametrize(("name", "axis"), [("azimuth", 1), ("elevation", 0)])
def test_cameras_go_round_the_jaw_about_one_axis_each(rig: list[Camera], name: str, axis: int) -> None:
    new, old = many(rig, **{name: 15.0})
    np.testing.assert_allclose(np.linalg.norm(new[:, :3, 3], axis=1), 3)
    np.testing.assert_allclose(target(new), 0, atol=1e-12)
    np.testing.assert_allclose(new[:, :3, axis], old[:, :3, axis], atol=1e-12)
    strayed = angle(np.sum(new[:, :3, 2] * old[:, :3, 2], axis=1))
    assert 14 < strayed.max() <= 15
    assert 6.5 < strayed.mean() < 8.5, "spread evenly"
    assert strayed[9::10].max() > 12, "the top view as well"


def test_distance_is_a_share(rig: list[Camera]) -> None:
    new, old = many(rig, distance=0.2)
    np.testing.assert_array_equal(new[:, :3, :3], old[:, :3, :3])
    away = np.linalg.norm(new[:, :3, 3], axis=1)
    assert 2.4 <= away.min() < 2.45 < 3.55 < away.max() <= 3.6


def test_roll_turns_the_picture_only(rig: list[Camera]) -> None:
    new, old = many(rig, roll=30.0)
    np.testing.assert_allclose(new[:, :3, 2:], old[:, :3, 2:], atol=1e-12)
    turned = angle(np.sum(new[:, :3, 1] * old[:, :3, 1], axis=1))
    assert 28 < turned.max() <= 30


def test_aim_moves_the_jaw_in_the_picture(rig: list[Camera]) -> None:
    new, old = many(rig, aim=0.3)
    np.testing.assert_allclose(new[:, :3, 3], old[:, :3, 3], atol=1e-12)
    # Where the line of sight crosses the plane through the origin that the old one stood upright on.
    along = 3 / np.sum(new[:, :3, 2] * old[:, :3, 2], axis=1)
    points = new[:, :3, 3] - along[:, None] * new[:, :3, 2]
    right, up = (np.sum(points * old[:, :3, side], axis=1) for side in (0, 1))
    assert 0.28 < right.max() <= 0.3
    assert -0.3 <= right.min() < -0.28
    assert 0.28 < np.abs(up).max() < 0.305
    assert abs(np.corrcoef(right, up)[0, 1]) < 0.15


def test_each_case_has_its_own_cameras_and_keeps_them(rig: list[Camera]) -> None:
    spread = {"azimuth": 10.0, "elevation": 10.0, "distance": 0.1, "roll": 10.0, "aim": 0.1}
    a, again, b = (camera_array(jittered(rig, generator(0, name), **spread)) for name in "aab")
    np.testing.assert_array_equal(a, again)
    assert (a[:, :12] != b[:, :12]).any(axis=1).all()
    np.testing.assert_array_equal(a[:, 16:], camera_array(rig)[:, 16:])
