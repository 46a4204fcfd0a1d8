import numpy as np
import pytest

from scans.poisson_disk import throw_darts


def neighbour_distances(points: np.ndarray) -> np.ndarray:
    difference = points[:, None] - points
    distance = np.sqrt((difference**2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=1)


def test_points_in_a_square_keep_their_distance() -> None:
    count = 500
    points = np.concatenate([np.random.default_rng(0).random((5 * count, 2)), np.zeros((5 * count, 1))], axis=1)
    chosen = throw_darts(points, count, 1.0)
    assert len(set(chosen.tolist())) == count
    distances = neighbour_distances(points[chosen]) / np.sqrt(2 / np.sqrt(3) / count)
    assert distances.min() > 0.6  # of the densest lattice's spacing
    assert distances.std() / distances.mean() < 0.13


@pytest.mark.parametrize("count", [1, 7, 20])
def test_takes_all_where_all_are_needed(count: int) -> None:
    points = np.random.default_rng(0).random((20, 3))
    assert len(set(throw_darts(points, count, 1.0).tolist())) == count


def test_points_that_coincide() -> None:
    assert sorted(throw_darts(np.ones((100, 3)), 100, 1.0).tolist()) == list(range(100))


def test_far_more_crowded_than_the_area_says() -> None:
    points = np.random.default_rng(0).random((3000, 3)) * 0.01
    distances = neighbour_distances(points[throw_darts(points, 1000, 1.0)])
    assert distances.std() / distances.mean() < 0.25
