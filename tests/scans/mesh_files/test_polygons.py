import numpy as np
import pytest

from scans.mesh_files.malformed import MalformedError
from scans.mesh_files.polygons import checked_faces, fan, list_items


def test_fan_keeps_order_and_winding() -> None:
    corners = np.array([7, 8, 9, 0, 1, 2, 3, 4])
    assert fan(corners, np.array([3, 5])).tolist() == [[7, 8, 9], [0, 1, 2], [0, 2, 3], [0, 3, 4]]


def test_fan_refuses_two_corners() -> None:
    with pytest.raises(MalformedError, match="face 2 has 2 corners"):
        fan(np.arange(5), np.array([3, 2]))


def test_list_items() -> None:
    values = np.array([3.0, 5, 6, 7, 255, 2, 8, 9])
    assert list_items(values, np.array([1, 6]), np.array([3, 2])).tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("wrong", [0.5, np.nan, np.inf, 1e300])
def test_list_items_refuses_fractions(wrong: float) -> None:
    with pytest.raises(MalformedError, match="no vertex number"):
        list_items(np.array([0, 1, wrong]), np.array([0]), np.array([3]))


@pytest.mark.parametrize("corner", [-1, 4])
def test_corners_beyond_the_vertices(corner: int) -> None:
    with pytest.raises(MalformedError, match="1 of 2 faces refer to vertices that the file doesn't have"):
        checked_faces(np.array([[0, 1, 2], [0, 1, corner]]), 4)
