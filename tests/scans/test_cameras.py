from dataclasses import replace

import numpy as np
import pytest

from scans.cameras import (
    CAMERA_COLUMNS,
    CAMERA_VECTOR_SIZE,
    HEIGHT,
    INTRINSICS,
    POSE,
    TRANSFORM,
    WIDTH,
    Camera,
    camera_array,
    cameras_from_array,
    look_at_origin,
    project,
)
from scans.errors import UserError


@pytest.fixture
def rig() -> list[Camera]:
    """Ten cameras that differ in place and lens."""
    places = np.tile(np.eye(4), (10, 1, 1))
    places[:, :3, 3] = np.arange(30).reshape(10, 3)
    return [
        Camera(transform=place, fx=50.0 + k, fy=60.0, cx=40.0, cy=30.0 + k, width=80, height=64 + k)
        for k, place in enumerate(places)
    ]


def test_camera_array_is_invertible(rig: list[Camera]) -> None:
    array = camera_array([*rig[:9], replace(rig[9], orthographic=True)])
    assert array.shape == (10, 23)
    assert array.dtype == np.float64
    assert CAMERA_VECTOR_SIZE == len(CAMERA_COLUMNS) == 23
    np.testing.assert_array_equal(array[4, :16].reshape(4, 4), rig[4].transform)
    np.testing.assert_array_equal(camera_array(cameras_from_array(array)), array)
    assert [camera.orthographic for camera in cameras_from_array(array)] == [False] * 9 + [True]
    with pytest.raises(UserError, match=r"\(views, 23\)"):
        cameras_from_array(array[:, :20])


@pytest.mark.parametrize(
    "transform", [np.eye(4) * 2, np.diag([1.0, 1, -1, 1]), np.full((4, 4), np.nan), np.eye(3)], ids=str
)
def test_a_camera_is_a_rigid_motion(transform: np.ndarray) -> None:
    with pytest.raises(UserError, match="camera transform"):
        Camera(transform=transform, fx=1, fy=1, cx=0, cy=0, width=1, height=1)


@pytest.mark.parametrize("lens", [{"fx": 0}, {"fy": -1.0}, {"cx": np.nan}, {"fx": np.inf}, {"cy": 1e10}], ids=str)
def test_a_lens_that_is_none_is_named(lens: dict[str, float]) -> None:
    with pytest.raises(UserError, match="camera intrinsics: .*" + next(iter(lens)) + "="):
        Camera(**{"transform": np.eye(4), "fx": 1, "fy": 1, "cx": 0, "cy": 0, "width": 1, "height": 1} | lens)


def test_columns_are_where_their_names_say(rig: list[Camera]) -> None:
    vector = camera_array([replace(rig[3], orthographic=True)])[0]
    np.testing.assert_array_equal(vector[TRANSFORM].reshape(4, 4), rig[3].transform)
    np.testing.assert_array_equal(vector[POSE].reshape(3, 4), rig[3].transform[:3])
    assert vector[INTRINSICS].tolist() == [53, 60, 40, 33, 80, 67, 1]
    assert (vector[WIDTH], vector[HEIGHT]) == (80, 67)
    named = dict(zip(CAMERA_COLUMNS, vector.tolist(), strict=True))
    assert [named[name] for name in ("transform_03", "transform_13", "transform_23")] == [9, 10, 11]
    assert (named["fx"], named["cy"], named["orthographic"]) == (53, 33, 1)


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_point_is_projected_where_a_sketch_on_paper_has_it(orthographic: bool) -> None:
    # At (0, 0, 4), looking down, +y up in the picture of 64 x 48 pixels.
    camera = Camera(
        transform=look_at_origin((0, 0, 4), up=(0, 1, 0)),
        fx=20, fy=10, cx=32, cy=24, width=64, height=48, orthographic=orthographic,
    )  # fmt: skip
    uv, depth = project(np.array([[1.0, 0.5, 2.0], [0.0, 0.0, 5.0]]), camera_array([camera])[0])
    np.testing.assert_array_equal(depth, [2, -1])  # the second point lies behind the camera
    np.testing.assert_array_equal(uv[0], [52, 19] if orthographic else [42, 21.5])


def test_look_at_origin_looks_at_the_origin() -> None:
    transform = look_at_origin((2.0, -3.0, 6.0), up=(0, 0, 1))
    np.testing.assert_allclose(transform[:3, 2], np.array([2, -3, 6]) / 7, rtol=1e-15)
    np.testing.assert_allclose(transform[:3, :3].T @ transform[:3, :3], np.eye(3), atol=1e-15)
    assert transform[2, 1] > 0, "+z is up in the picture"
