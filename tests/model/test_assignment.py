import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from model.assignment import STEPS, assign


def clouds(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=(2, n, 3)).astype(np.float32)
    if kind == "clumped":
        first[: n // 2] = first[0]
    elif kind == "apart":
        second += 5
    elif kind == "one point":
        first[:] = 0.5
    elif kind == "both one point":
        first[:], second[:] = 0.5, 0.25
    return first, second


@pytest.mark.parametrize("kind", ["even", "clumped", "apart", "one point", "both one point"])
@pytest.mark.parametrize("n", [1, 2, 7, 60, 200])
def test_the_sum_of_distances_is_the_least(kind: str, n: int) -> None:
    first, second = clouds(kind, n)
    partner = assign(first, second)
    assert sorted(partner) == list(range(n))
    distances = cdist(first.astype(float), second.astype(float))
    steps = np.rint(distances * STEPS)
    assert steps[np.arange(n), partner].sum() == steps[linear_sum_assignment(steps)].sum()
    best = distances[linear_sum_assignment(distances)].sum()
    assert distances[np.arange(n), partner].sum() == pytest.approx(best, abs=n / STEPS)


def test_shapes_and_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        assign(np.zeros((3, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="NaN"):
        assign(np.full((3, 3), np.nan), np.zeros((3, 3)))
