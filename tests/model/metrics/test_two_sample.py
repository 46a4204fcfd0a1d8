import numpy as np
import pytest
from scipy.linalg import sqrtm

from model.metrics.two_sample import DRAWS, compare_sets, frechet_distance, kernel_distance


def jaws(count: int, seed: int, views: int = 3, size: int = 4, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, views, size))


def test_frechet_of_numbers_by_hand() -> None:
    # Variances 1 and 4 (of -1, 0, 1 and of -2, 0, 2), means 0 and 3: 3² + 1 + 4 − 2 · √(1 · 4).
    a, b = np.array([[[-1.0], [0.0], [1.0]]]), np.array([[[1.0], [3.0], [5.0]]])
    assert frechet_distance(a, b) == pytest.approx(9 + 1 + 4 - 4)


@pytest.mark.parametrize("count", [2, 40])  # fewer samples than features, and more
def test_frechet_is_that_of_the_root_of_the_matrix(count: int) -> None:
    a, b = jaws(count, 0, size=7), jaws(count + 1, 1, size=7, shift=0.5)
    rows = [x.reshape(-1, 7) for x in (a, b)]
    covariances = [np.cov(x, rowvar=False) for x in rows]
    root = sqrtm(covariances[0] @ covariances[1]).real
    between = np.square(rows[0].mean(axis=0) - rows[1].mean(axis=0)).sum()
    expected = between + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_frechet_of_a_set_and_itself_is_zero() -> None:
    assert frechet_distance(jaws(5, 0), jaws(5, 0)) == pytest.approx(0, abs=1e-12)


def test_kernel_distance_by_hand() -> None:
    # One view, one feature: a = (0, 1), b = (1, 1); kernel (x y + 1)³: 1 within a, 8 within b, and 1, 1, 8, 8 between.
    a, b = np.array([[[0.0]], [[1.0]]]), np.array([[[1.0]], [[1.0]]])
    assert kernel_distance(a, b) == pytest.approx(1 + 8 - 2 * 4.5)


def test_kernel_distance_is_the_mean_of_the_cameras() -> None:
    a, b = jaws(4, 0), jaws(6, 1, shift=0.3)
    each = [kernel_distance(a[:, [view]], b[:, [view]]) for view in range(3)]
    assert kernel_distance(a, b) == pytest.approx(np.mean(each))


def test_kernel_distance_of_one_kind_is_zero_on_average_however_few() -> None:
    values = [kernel_distance(jaws(3, 2 * n), jaws(3, 2 * n + 1)) for n in range(400)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_other_jaws_are_farther_than_parts_of_the_same(distance) -> None:
    found = compare_sets(distance, jaws(40, 0), jaws(10, 1, shift=1.5), np.random.default_rng(0))
    assert (found.part, found.rest) == (10, 30)
    assert found.between.mean > found.within_a.mean + 5 * found.within_a.deviation
    assert found.within_b.mean < found.between.mean


def test_the_between_and_the_within_are_taken_over_as_many_jaws() -> None:
    sizes = []

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        sizes.append((len(a), len(b)))
        return 0.0

    compare_sets(distance, jaws(9, 0), jaws(6, 1), np.random.default_rng(0))
    assert sizes == [(4, 5), (4, 5), (3, 3)] * DRAWS


@pytest.mark.parametrize(("real", "between", "within"), [(0, False, False), (1, False, False), (3, True, False)])
def test_too_few_scans_leave_out_what_they_cannot_tell(real: int, between: bool, within: bool) -> None:
    found = compare_sets(kernel_distance, jaws(8, 0), jaws(real, 1), np.random.default_rng(0))
    assert (found.between is not None, found.within_b is not None) == (between, within)


def test_synthetic_jaws_alone_are_compared_by_halves() -> None:
    found = compare_sets(frechet_distance, jaws(8, 0), jaws(0, 1), np.random.default_rng(0))
    assert (found.part, found.rest) == (4, 4)
    assert found.within_a is not None
