import cv2
import numpy as np
import pytest

from scans.cameras import Camera
from stages.prediction.crop_picture import crop_picture


def camera(size: int = 100) -> Camera:
    """A square picture of 45 degrees or so."""
    lens = {"fx": 1.2 * size, "fy": 1.2 * size, "cx": size / 2, "cy": size / 2}
    return Camera(transform=np.eye(4), **lens, width=size, height=size)


def jaw(size: int = 100, background: int = 255) -> np.ndarray:
    """A disc of a fifth of the picture's width, right of the middle."""
    picture = np.full((size, size), background, np.uint8)
    cv2.circle(picture, (size * 7 // 10, size // 2), size // 10, 90, -1)
    return picture


def test_the_part_around_the_foreground_is_kept_and_its_camera_sees_the_same() -> None:
    picture = jaw()
    part, cropped = crop_picture(picture, camera(), 32)
    assert part.shape == (23, 23)
    np.testing.assert_array_equal(part, picture[39:62, 59:82])
    for own, zoom in ((cropped.fx, 32 / 23), (cropped.fy, 32 / 23)):
        assert own == pytest.approx(120 * zoom)
    assert (cropped.cx, cropped.cy) == pytest.approx(((50 - 59) * 32 / 23, (50 - 39) * 32 / 23))
    assert (cropped.width, cropped.height) == (32, 32)


def test_a_picture_with_more_around_it_gives_the_same_part() -> None:
    """The same pixels with a border of 60 more, and the camera for that."""
    padded = np.pad(jaw(), 60, constant_values=255)
    wide = Camera(transform=np.eye(4), fx=120.0, fy=120.0, cx=110.0, cy=110.0, width=220, height=220)
    part, cropped = crop_picture(padded, wide, 32)
    expected, same = crop_picture(jaw(), camera(), 32)
    np.testing.assert_array_equal(part, expected)
    for name in ("fx", "fy", "cx", "cy"):
        assert getattr(cropped, name) == pytest.approx(getattr(same, name))


def test_the_picture_may_be_larger_than_its_camera_says() -> None:
    _, small = crop_picture(jaw(), camera(), 32)
    part, large = crop_picture(jaw(1000), camera(), 32)
    assert part.shape[0] == pytest.approx(201 / 0.94, abs=2)
    assert large.fx == pytest.approx(120 * 32 / 21.5, rel=0.01)
    assert small.fx == pytest.approx(large.fx, rel=0.1), "for its pixels are coarser"


def test_dust_is_no_jaw() -> None:
    picture = jaw()
    picture[5, 5:7] = 0
    np.testing.assert_array_equal(crop_picture(picture, camera(), 32)[0], crop_picture(jaw(), camera(), 32)[0])


def test_parts_of_a_jaw_belong_together() -> None:
    picture = jaw()
    cv2.circle(picture, (20, 50), 4, 90, -1)
    assert crop_picture(picture, camera(), 32)[0].shape[1] > 60


def test_a_picture_that_the_jaw_fills_stays_as_it_is() -> None:
    part, once = crop_picture(jaw(), camera(), 64)
    again, twice = crop_picture(part, once, 64)
    assert again is part
    assert twice.fx == once.fx
    assert twice.cx == once.cx


def test_a_jaw_beyond_the_border_is_cut_there() -> None:
    picture = np.roll(jaw(), 25, axis=1)
    picture[:, :50] = 255  # what rolled over
    part, cropped = crop_picture(picture, camera(), 32)
    assert part[:, -1].min() < 255
    assert cropped.cx < 0
