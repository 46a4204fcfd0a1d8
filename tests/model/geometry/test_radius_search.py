import itertools

import numpy as np
import pytest

from model.geometry.radius_search import pairs_within
from tests.model.metrics.clouds import all_distances, two_clouds


def rows(found: tuple[np.ndarray, np.ndarray] | None) -> list[list[int]]:
    assert found is not None
    starts, targets = found
    assert starts.dtype == np.int64
    assert targets.dtype == np.int32
    return [sorted(targets[a:b].tolist()) for a, b in itertools.pairwise(starts)]


@pytest.mark.parametrize("radius", [0.0, 0.003, 0.02, 0.1, 5.0])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (1, 40), (300, 1)])
def test_all_pairs_and_no_others(radius: float, n: int, m: int) -> None:
    queries, targets = two_clouds(n, m)
    queries[0] = targets[0]
    expected = [np.flatnonzero(row).tolist() for row in all_distances(queries, targets) <= radius]
    assert sum(map(len, expected)) > 0
    assert rows(pairs_within(queries, targets, radius, n * m)) == expected


def test_a_distance_of_just_the_radius_counts() -> None:
    """Neighbours in a lattice, whose points lie on the borders of the cells."""
    lattice = np.stack(np.meshgrid(*3 * [np.arange(5) / 8], indexing="ij"), axis=-1).reshape(-1, 3)
    found = rows(pairs_within(lattice, lattice, 1 / 8, 1000))
    middle = 2 * 25 + 2 * 5 + 2
    assert found[middle] == sorted(middle + step for step in (0, 1, -1, 5, -5, 25, -25))
    assert found[0] == [0, 1, 5, 25]


def test_far_points_have_none() -> None:
    targets = np.random.default_rng(0).random((50, 3))
    far = np.array([[1e300, 0.5, 0.5], [0.5, -1e300, 0.5], [-40.0, 0.5, 0.5], [0.5, 0.5, 9.0]])
    assert rows(pairs_within(far, targets, 0.1, 100)) == [[], [], [], []]


def test_more_pairs_than_wanted() -> None:
    same = np.zeros((10, 3))
    assert rows(pairs_within(same, same, 0.1, 100)) == [list(range(10))] * 10
    assert pairs_within(same, same, 0.1, 99) is None
