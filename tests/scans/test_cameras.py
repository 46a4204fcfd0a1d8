from dataclasses import replace

import numpy as np
import pytest

from scans.cameras import CAMERA_COLUMNS, Camera, camera_array, cameras_from_array
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
    assert len(CAMERA_COLUMNS) == 23
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
