import json

import numpy as np
import pytest

from renderers.cameras import (
    CAMERA_COLUMNS,
    Camera,
    camera_array,
    cameras_from_array,
    cameras_from_transforms,
    ring_rig,
    transforms_json,
)
from scans.errors import UserError

FIGURES = {"ring_views": 9, "elevation": 20, "distance": 3, "field_of_view": 40, "image_size": 100}


def project(camera: Camera, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Column, row and depth of a point of the world."""
    x, y, z = camera.rotation.T @ (np.array(point) - camera.position)
    return camera.cx + camera.fx * x / -z, camera.cy - camera.fy * y / -z, -z


def same(left: list[Camera], right: list[Camera]) -> bool:
    return all(
        np.array_equal(a.transform, b.transform)
        and (a.fx, a.fy, a.cx, a.cy, a.width, a.height) == (b.fx, b.fy, b.cx, b.cy, b.width, b.height)
        for a, b in zip(left, right, strict=True)
    )


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
    assert same(ordered, [rig[view] for view in order])


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


def test_transforms_json_survives_a_file(rig: list[Camera]) -> None:
    names = [f"view_{view:02d}.png" for view in range(10)]
    transforms = json.loads(json.dumps(transforms_json(rig, names)))
    assert transforms["camera_model"] == "OPENCV"
    assert [frame["file_path"] for frame in transforms["frames"]] == names
    assert same(cameras_from_transforms(transforms), rig)
    with pytest.raises(UserError, match="10 cameras"):
        transforms_json(rig, names[:3])


def test_transforms_json_of_others(rig: list[Camera]) -> None:
    frames = [{"file_path": "a.png", "transform_matrix": rig[3].transform.tolist()}]
    whole = {"fl_x": 90.0, "fl_y": 91.0, "cx": 40.0, "cy": 30.0, "w": 80, "h": 60, "k1": 0.0, "frames": frames}
    (camera,) = cameras_from_transforms(whole)
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height) == (90, 91, 40, 30, 80, 60)
    with pytest.raises(UserError, match="frame 0 has no 'fl_x'"):
        cameras_from_transforms({key: value for key, value in whole.items() if key != "fl_x"})
    with pytest.raises(UserError, match="distortion k1"):
        cameras_from_transforms({**whole, "k1": 0.1})
    with pytest.raises(UserError, match="'frames'"):
        cameras_from_transforms({"frames": "none"})
    with pytest.raises(UserError, match="frame 0 is malformed"):
        cameras_from_transforms({**whole, "w": "wide"})


def test_camera_array_is_invertible(rig: list[Camera]) -> None:
    array = camera_array(rig)
    assert array.shape == (10, 22)
    assert array.dtype == np.float64
    assert len(CAMERA_COLUMNS) == 22
    np.testing.assert_array_equal(array[4, :16].reshape(4, 4), rig[4].transform)
    assert same(cameras_from_array(array), rig)
    with pytest.raises(UserError, match=r"\(views, 22\)"):
        cameras_from_array(array[:, :20])


@pytest.mark.parametrize(
    "transform", [np.eye(4) * 2, np.diag([1.0, 1, -1, 1]), np.full((4, 4), np.nan), np.eye(3)], ids=str
)
def test_a_camera_is_a_rigid_motion(transform: np.ndarray) -> None:
    with pytest.raises(UserError, match="camera transform"):
        Camera(transform=transform, fx=1, fy=1, cx=0, cy=0, width=1, height=1)
