import numpy as np
import pytest

from scans.mesh_files.parsed import MalformedError
from scans.mesh_files.polygons import checked_faces, list_items, strips, triangulate

CORNERS = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [2, 1, 0], [0, 4, 0]], float)  # the fourth lies inside


def test_a_convex_polygon_is_a_fan_and_order_and_winding_stay() -> None:
    angles = np.arange(10) * 0.6
    vertices = np.stack([np.cos(angles), np.sin(angles), angles * 0], axis=1)
    faces, polygon = triangulate(vertices, np.array([7, 8, 9, 0, 1, 2, 3, 4]), np.array([3, 5]))
    assert faces.tolist() == [[7, 8, 9], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert faces.dtype == np.int32
    assert polygon.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize("axes", [[0, 1, 2], [1, 2, 0], [1, 0, 2]])  # along x, along z, and seen from behind
def test_a_concave_polygon_keeps_its_area_and_winding(turn: int, axes: list[int]) -> None:
    vertices = CORNERS[:, axes]
    ring = np.roll(np.arange(5), turn)
    faces, polygon = triangulate(vertices, np.concatenate([ring, [0, 1, 2]]), np.array([5, 3]))
    assert polygon.tolist() == [0, 0, 0, 1]
    a, b, c = (vertices[faces[:3, k]] for k in range(3))
    areas = np.cross(b - a, c - a) / 2
    expected = np.cross(vertices[1] - vertices[0], vertices[2] - vertices[0]) / 16 * 10  # 16 less a triangle of 6
    np.testing.assert_allclose(areas.sum(axis=0), expected)
    assert np.linalg.norm(areas, axis=1).sum() == pytest.approx(10)  # none overlaps another
    assert faces[3].tolist() == [0, 1, 2]


def test_a_polygon_with_a_corner_that_is_no_number_is_left_to_cleaning() -> None:
    vertices = CORNERS.copy()
    vertices[1] = np.nan
    assert triangulate(vertices, np.arange(5), np.array([5]))[0].tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]


def test_a_polygon_of_two_corners_is_refused() -> None:
    with pytest.raises(MalformedError, match="face 2 has 2 corners"):
        triangulate(CORNERS, np.arange(5), np.array([3, 2]))


def test_a_concave_polygon_that_would_take_too_long_is_refused() -> None:
    angles = np.linspace(0, 2 * np.pi, 30_000, endpoint=False)
    star = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.where(np.arange(30_000) % 2, 1, 0.9)[:, None]
    star = np.column_stack([star + np.array([5, 0]), angles * 0])
    with pytest.raises(MalformedError, match="face 1 is a concave polygon of 30000 corners"):
        triangulate(star, np.arange(30_000), np.array([30_000]))


def test_strips_turn_every_other_triangle_and_begin_anew() -> None:
    corners = np.array([0, 1, 2, 3, -1, 4, 5, 6, 7, 8, 9, 9, 10, 10])
    faces, strip = strips(corners, np.array([8, 6]))
    assert faces.tolist() == [[0, 1, 2], [2, 1, 3], [4, 5, 6], [7, 8, 9]]
    assert strip.tolist() == [0, 0, 0, 1]


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
