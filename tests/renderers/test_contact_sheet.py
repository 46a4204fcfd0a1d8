import cv2
import numpy as np
import pytest

from renderers.contact_sheet import contact_sheet
from scans.errors import UserError


def cases(size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.integers(0, 200, (10, size, size), dtype=np.uint8) for name in ("0EAKT1CU_upper", "b", "c")}


@pytest.mark.parametrize("size", [64, 112, 224])
def test_every_picture_is_there_in_its_row_and_column(size: int) -> None:
    sheet = contact_sheet(cases(size))
    places = []
    for pictures in cases(size).values():
        for picture in pictures:
            _, _, (column, row), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, picture, cv2.TM_SQDIFF))
            np.testing.assert_array_equal(sheet[row : row + size, column : column + size], picture)
            places.append((row, column))
    rows = np.array(places).reshape(3, 10, 2)
    assert (np.ptp(rows[:, :, 0], axis=1) == 0).all()
    assert (np.diff(rows[:, 0, 0]) > size + 10).all(), "room for a caption"
    assert (np.diff(rows[0, :, 1]) > size).all()
    above = sheet[: rows[0, 0, 0]]
    for view in range(10):
        assert (above[:, rows[0, view, 1] :][:, :size] < 128).any(), "a caption above each column"


def test_captions_tell_cases_apart_and_nothing_else_changes_the_bytes() -> None:
    sheet = contact_sheet(cases(64))
    np.testing.assert_array_equal(contact_sheet(cases(64)), sheet)
    renamed = contact_sheet({name + "x": pictures for name, pictures in cases(64).items()})
    assert renamed.shape == sheet.shape
    assert (renamed != sheet).any()


def test_lists_of_pictures_and_long_names() -> None:
    listed = {name * 40: list(pictures) for name, pictures in cases(64).items()}
    assert contact_sheet(listed).shape == contact_sheet(cases(64)).shape


def test_unlike_cases_are_refused() -> None:
    picture = np.zeros((8, 8), dtype=np.uint8)
    for bad in ({}, {"a": []}, {"a": [picture, picture[:4]]}, {"a": [picture], "b": [picture, picture]}):
        with pytest.raises(UserError, match="contact sheet"):
            contact_sheet(bad)
