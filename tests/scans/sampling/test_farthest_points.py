import numpy as np
import pytest

from scans.sampling.farthest_points import LEAF, choose_farthest


def plain(points: np.ndarray, count: int, first: int) -> list[int]:
    """The algorithm as it is written down: all distances at every step."""
    distance2 = ((points - points[first]) ** 2).sum(axis=1)
    chosen = [first]
    while len(chosen) < count:
        chosen.append(int(distance2.argmax()))
        distance2 = np.minimum(distance2, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen


def ball(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 3))


def sheet(n: int) -> np.ndarray:
    return np.random.default_rng(n).random((n, 3)) * [50, 30, 0] - [0, 0, 90]


def clumps(n: int) -> np.ndarray:
    """Ten knots of points, as dense as floats allow, and one point far away."""
    rng = np.random.default_rng(n)
    points = rng.integers(0, 3, (n, 3)) + rng.normal(size=(n, 3)) * 1e-9
    points[-1] = 1e6
    return points


@pytest.mark.parametrize("cloud", [ball, sheet, clumps])
@pytest.mark.parametrize("n", [1, 2, LEAF, LEAF + 1, 5 * LEAF, 3000])
def test_the_same_points_in_the_same_order_as_by_brute_force(cloud, n: int) -> None:  # type: ignore[no-untyped-def]
    points = cloud(n)
    for count, first in ((n, 0), ((n + 2) // 3, n - 1)):
        assert choose_farthest(points, count, first).tolist() == plain(points, count, first)


def test_a_line_is_halved_again_and_again() -> None:
    points = np.zeros((9, 3))
    points[:, 1] = np.arange(9)
    chosen = choose_farthest(points, 5, 0).tolist()
    assert chosen[:3] == [0, 8, 4]
    assert sorted(chosen[3:]) == [2, 6]


def test_points_that_coincide_are_taken_last_and_once() -> None:
    points = np.concatenate([np.zeros((50, 3)), np.ones((50, 3)), [[0.5, 0.5, 0.5]]])
    chosen = choose_farthest(points, 101, 7).tolist()
    assert chosen[0] == 7
    assert 50 <= chosen[1] < 100
    assert chosen[2] == 100
    assert sorted(chosen) == list(range(101))
