import numpy as np
import pytest

from scans.sampling.poisson_disk import FIRST_SPACING, lattice_spacing, throw_darts, way2


def neighbour_distances(points: np.ndarray) -> np.ndarray:
    difference = points[:, None] - points
    distance = np.sqrt((difference**2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=1)


def thrown(points: np.ndarray, count: int, area: float) -> np.ndarray:
    """What is chosen on a flat surface without a strip beyond its border."""
    return throw_darts(points, np.tile([0, 0, 1.0], (len(points), 1)), np.ones(len(points), bool), count, area)


def test_points_in_a_square_keep_their_distance() -> None:
    count = 500
    points = np.concatenate([np.random.default_rng(0).random((5 * count, 2)), np.zeros((5 * count, 1))], axis=1)
    chosen = thrown(points, count, 1.0)
    assert len(set(chosen.tolist())) == count
    distances = neighbour_distances(points[chosen]) / np.sqrt(2 / np.sqrt(3) / count)
    assert distances.min() > 0.6  # of the densest lattice's spacing
    assert distances.std() / distances.mean() < 0.13


@pytest.mark.parametrize("count", [1, 7, 20])
def test_takes_all_where_all_are_needed(count: int) -> None:
    points = np.random.default_rng(0).random((20, 3))
    assert len(set(thrown(points, count, 1.0).tolist())) == count


def test_points_that_coincide() -> None:
    assert sorted(thrown(np.ones((100, 3)), 100, 1.0).tolist()) == list(range(100))


def test_far_more_crowded_than_the_area_says() -> None:
    points = np.random.default_rng(0).random((3000, 3)) * 0.01
    distances = neighbour_distances(points[thrown(points, 1000, 1.0)])
    assert distances.std() / distances.mean() < 0.25


def test_points_that_are_not_wanted_keep_their_distance_but_are_not_chosen() -> None:
    points = np.array([[0, 0, 0], [0.1, 0, 0], [5, 0, 0]])
    normals, wanted = np.tile([0, 0, 1.0], (3, 1)), np.array([False, True, True])
    area = 1 / lattice_spacing(1.0, 1) ** 2 / FIRST_SPACING**2  # the first spacing is 1
    assert throw_darts(points, normals, wanted, 1, area).tolist() == [2]
    assert throw_darts(points, normals, wanted, 2, 2 * area).tolist() == [2, 1]
    assert throw_darts(points, normals, ~wanted, 1, area).tolist() == [0]


@pytest.mark.parametrize("degrees", [0, 20, 90, -90, 130])
def test_the_way_over_a_fold_is_the_line_on_the_paper(degrees: float) -> None:
    """A sheet folded along the y axis; (x, y) on the paper, the side x > 0 turned down."""
    angle = np.radians(degrees)
    first, second = (-0.7, 0.2), (0.4, 1.5)
    v = np.array([second[0] * np.cos(angle) - first[0], second[1] - first[1], -second[0] * np.sin(angle)])
    a, b = np.array([0, 0, 1.0]), np.array([np.sin(angle), 0, np.cos(angle)])
    assert way2(a, b, *v) == pytest.approx(1.1**2 + 1.3**2)
    assert way2(b, a, *-v) == pytest.approx(1.1**2 + 1.3**2)


def test_there_is_no_way_between_sheets_that_face_each_other() -> None:
    up = np.array([0, 0, 1.0])
    assert way2(up, -up, 0.0, 0.1, 0.01) > 1e6
    assert way2(up, -up, 0.0, 0.0, 0.0) == 0
