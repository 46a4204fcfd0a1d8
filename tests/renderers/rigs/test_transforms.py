import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from renderers.rigs.transforms import cameras_from_transforms, transforms_json
from scans.cameras import Camera, camera_array
from scans.errors import UserError

NAMES = [f"view_{view:02d}.png" for view in range(10)]


def read(transforms: Any, image_size: int = 96) -> list[Camera]:
    return cameras_from_transforms(transforms, "rigs/a.json", image_size=image_size)


@pytest.fixture
def one(rig: list[Camera]) -> dict[str, Any]:
    """A file with one frame, its intrinsics at the top level."""
    frames = [{"file_path": "a.png", "transform_matrix": rig[3].transform.tolist()}]
    return {"fl_x": 90.0, "fl_y": 91.0, "cx": 40.0, "cy": 30.0, "w": 80, "h": 60, "k1": 0.0, "frames": frames}


def test_it_survives_a_file(rig: list[Camera]) -> None:
    transforms = json.loads(json.dumps(transforms_json(rig, NAMES)))
    assert transforms["camera_model"] == "OPENCV"
    assert [frame["file_path"] for frame in transforms["frames"]] == NAMES
    assert all("camera_model" not in frame for frame in transforms["frames"])
    np.testing.assert_array_equal(camera_array(read(transforms)), camera_array(rig))
    with pytest.raises(UserError, match="10 cameras"):
        transforms_json(rig, NAMES[:3])


def test_orthographic_cameras_survive_a_file_alone_and_among_others(rig: list[Camera]) -> None:
    parallel = [replace(camera, orthographic=True) for camera in rig]
    transforms = json.loads(json.dumps(transforms_json(parallel, NAMES)))
    assert transforms["camera_model"] == "ORTHOPHOTO"
    np.testing.assert_array_equal(camera_array(read(transforms)), camera_array(parallel))
    mixed = [*rig[:9], parallel[9]]
    transforms = json.loads(json.dumps(transforms_json(mixed, NAMES)))
    np.testing.assert_array_equal(camera_array(read(transforms)), camera_array(mixed))


def test_pictures_are_scaled_to_the_rows_that_are_asked_for(one: dict[str, Any]) -> None:
    (same,) = read(one, 60)
    assert (same.fx, same.fy, same.cx, same.cy, same.width, same.height) == (90, 91, 40, 30, 80, 60)
    (half,) = read(one, 30)
    assert (half.fx, half.fy, half.cx, half.cy, half.width, half.height) == (45, 45.5, 20, 15, 40, 30)


def test_the_original_nerf_has_an_angle_and_no_size(rig: list[Camera]) -> None:
    frames = [{"file_path": "./train/r_0", "transform_matrix": camera.transform.tolist()} for camera in rig]
    cameras = read({"camera_angle_x": np.radians(40), "frames": frames})
    np.testing.assert_allclose(camera_array(cameras), camera_array(rig), rtol=1e-15)


def test_angles_of_both_axes_are_focal_lengths(one: dict[str, Any]) -> None:
    matrix = one["frames"][0]
    angles = {"camera_angle_x": 2 * math.atan(40 / 90), "camera_angle_y": 2 * math.atan(30 / 91)}
    degrees = {"x_fov": math.degrees(angles["camera_angle_x"]), "y_fov": math.degrees(angles["camera_angle_y"])}
    for fields in (angles, degrees):
        (camera,) = read({**fields, "w": 80, "h": 60, "frames": [matrix]}, 60)
        assert (camera.fx, camera.fy) == pytest.approx((90, 91))
        assert (camera.cx, camera.cy) == (40, 30)
    (camera,) = read({"camera_angle_y": angles["camera_angle_y"], "w": 80, "h": 60, "frames": [matrix]}, 60)
    assert (camera.fx, camera.fy) == pytest.approx((91, 91)), "square pixels"
    (camera,) = read({**one, **angles}, 60)
    assert (camera.fx, camera.fy) == (90, 91), "as instant-ngp has both"


def test_angles_and_focal_lengths_that_disagree_are_refused(one: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="fl_x is 90 pixels, and by camera_angle_x it is 109"):
        read({**one, "camera_angle_x": 0.7})
    with pytest.raises(UserError, match="fl_y is 91 pixels, and by camera_angle_y it is"):
        read({**one, "camera_angle_y": 0.7})
    with pytest.raises(UserError, match="frame 0 has no 'w'"):
        read({"fl_x": 90.0, "camera_angle_y": 0.7, "frames": one["frames"]})


def test_degrees_are_no_radians(one: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"camera_angle_x must be radians between 0 and 2\.97, not 40; degrees\?"):
        read({"camera_angle_x": 40, "frames": one["frames"]})


@pytest.mark.parametrize("digits", [3, 5])
def test_a_rounded_rotation_becomes_the_nearest_rotation(rig: list[Camera], digits: int) -> None:
    transforms = transforms_json(rig, NAMES)
    for frame in transforms["frames"]:
        frame["transform_matrix"] = np.round(frame["transform_matrix"], digits).tolist()
    for camera, exact in zip(read(transforms), rig, strict=True):
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-5)
        np.testing.assert_allclose(camera.transform, exact.transform, atol=10.0**-digits)


def frame(one: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**one, "frames": [one["frames"][0], {**one["frames"][0], **changes}]}


def test_what_is_no_such_file_is_named(one: dict[str, Any]) -> None:
    for content in ([], 3, None, {}, {"frames": "none"}, {"frames": {"0": {}}}):
        with pytest.raises(UserError, match=r"rigs/a\.json: expected a JSON object with a list under 'frames'"):
            read(content)
    for missing in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
        with pytest.raises(UserError, match=rf"rigs/a\.json: frame 0 has no '{missing}'"):
            read({key: value for key, value in one.items() if key != missing})
    with pytest.raises(UserError, match=r"frame 0 has no 'transform_matrix'"):
        read({**one, "frames": [{}]})
    with pytest.raises(UserError, match=r"frame 1 is malformed: expected an object"):
        read({**one, "frames": [one["frames"][0], 7]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k1": 0.1, "p2": 1}, "lens distortion k1, p2"),
        ({"k1": "much"}, "lens distortion"),
        ({"camera_model": "OPENCV_FISHEYE"}, "camera_model 'OPENCV_FISHEYE'; expected OPENCV, .* or ORTHOPHOTO"),
        ({"camera_model": ["OPENCV"]}, "camera_model"),
        ({"is_fisheye": True, "k1": 0}, "is_fisheye: fisheye and other curved lenses"),
        ({"fisheye_crop_radius": 300}, "fisheye_crop_radius"),
        ({"distortion_params": [0, 0.1]}, "lens distortion distortion_params"),
        ({"scale": 0.33}, "scale and offset, as instant-ngp has them"),
        ({"offset": [0.5, 0.5, 0.5]}, "scale and offset"),
        ({"w": "wide"}, "wide"),
        ({"w": 0}, "image size"),
        ({"h": 0}, "image size"),
        ({"w": 10**9}, "image size"),
        ({"w": 8000, "h": 8}, "image size"),
        ({"w": float("inf")}, "infinity"),
        ({"fl_x": 0}, "fx"),
        ({"fl_x": -3}, "fx"),
        ({"fl_y": float("nan")}, "fy"),
        ({"cx": float("inf")}, "cx"),
        ({"cx": None}, "NoneType"),
        ({"transform_matrix": None}, "finite 4x4"),
        ({"transform_matrix": [[1, 2], [3]]}, "inhomogeneous"),
        ({"transform_matrix": np.eye(4)[:3].tolist()}, "finite 4x4"),
        ({"transform_matrix": np.full((4, 4), np.nan).tolist()}, "finite 4x4"),
        ({"transform_matrix": (2 * np.eye(4)).tolist()}, "no scale, no mirror"),
        ({"transform_matrix": np.diag([1.0, 1, -1, 1]).tolist()}, "no scale, no mirror"),
        ({"transform_matrix": "eye"}, "eye"),
    ],
    ids=str,
)
def test_a_malformed_frame_is_named(one: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=rf"rigs/a\.json: frame 1 is malformed: .*{message}"):
        read(frame(one, **changes))


def test_an_angle_of_nothing_is_named(one: dict[str, Any]) -> None:
    for value in (0, float("nan"), 4.0, "wide"):
        with pytest.raises(UserError, match="frame 0 is malformed"):
            read({"camera_angle_x": value, "frames": one["frames"]})
