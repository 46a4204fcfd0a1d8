import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

from scans import elementary

RNG = np.random.default_rng(0)
ANGLES = np.concatenate([RNG.uniform(-20, 20, 20000), RNG.uniform(-5e5, 5e5, 20000), np.arange(-40, 41) * (np.pi / 4)])


def ulp(values: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in units in the last place; `exact` has the 64 bits of a long double."""
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("long double is no longer than double here")
    return float((np.abs(values - exact) / np.spacing(np.abs(exact).astype(float))).max())


@pytest.mark.parametrize(
    ("function", "exact", "values", "bound"),
    [
        (elementary.exp, np.exp, RNG.uniform(-700, 700, 20000), 1.0),
        (elementary.exp, np.exp, RNG.uniform(-1, 1, 20000), 1.0),
        (elementary.log, np.log, np.exp(RNG.uniform(-700, 700, 20000)), 1.0),
        (elementary.log, np.log, RNG.uniform(0.5, 2, 20000), 1.0),
        (elementary.sin, np.sin, ANGLES, 1.0),
        (elementary.cos, np.cos, ANGLES, 1.0),
        (elementary.tan, np.tan, ANGLES, 2.5),
    ],
)
def test_the_error_is_within_the_bound(
    function: np.ufunc, exact: Callable[[np.ndarray], np.ndarray], values: np.ndarray, bound: float
) -> None:
    assert ulp(function(values), exact(values.astype(np.longdouble))) < bound


def test_atan2_and_power_are_within_their_bounds() -> None:
    x, y = RNG.normal(size=(2, 20000))
    x[:100], y[50:150] = 0.0, 1e-300
    assert ulp(elementary.atan2(y, x), np.arctan2(y.astype(np.longdouble), x.astype(np.longdouble))) < 1.5
    base, exponent = RNG.uniform(0.01, 3, (2, 20000))
    exact = base.astype(np.longdouble) ** exponent.astype(np.longdouble)
    bound = 1 + 3 * np.abs(exponent * np.log(base))
    error = np.abs(elementary.power(base, exponent) - exact) / np.spacing(exact.astype(float))
    assert (error <= bound).all()


def test_values_at_the_ends() -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(
            elementary.exp(np.array([0.0, -745.0, -746.0, -1e300, 710.0, np.inf, -np.inf, np.nan])),
            [1, 5e-324, 0, 0, np.inf, np.inf, 0, np.nan],
        )
        np.testing.assert_array_equal(
            elementary.log(np.array([1.0, 0.0, np.inf, -1.0, np.nan])), [0, -np.inf, np.inf, np.nan, np.nan]
        )
    assert elementary.log(5e-324) == pytest.approx(math.log(5e-324), rel=1e-15)
    assert elementary.power(0.0, 2.5) == 0
    assert elementary.power(1.0, 2.5) == 1
    assert elementary.sin(0.0) == 0
    assert elementary.cos(0.0) == 1
    assert math.isnan(elementary.sin(2 * elementary.LARGEST_ANGLE))
    assert math.isnan(elementary.cos(np.inf))


def test_the_angle_of_each_axis_and_diagonal() -> None:
    axes = {(1, 0): 0, (1, 1): 1, (0, 1): 2, (-1, 1): 3, (-1, 0): 4, (-1, -1): -3, (0, -1): -2, (1, -1): -1}
    for (x, y), eighths in axes.items():
        assert elementary.atan2(float(y), float(x)) == eighths * math.pi / 4
    assert elementary.atan2(0.0, 0.0) == 0


def test_no_warning_comes_of_branches_that_are_not_taken() -> None:
    values = np.concatenate([np.zeros(50), np.linspace(-800, 700, 1000)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        elementary.exp(values)
        elementary.atan2(values, values[::-1])
        elementary.atan2(values, np.zeros(len(values)))
        elementary.log(np.abs(values[50:]))
        elementary.sin(values)


@njit
def sines(values: np.ndarray) -> np.ndarray:
    return np.array([elementary.sin(value) for value in values])


def test_compiled_code_and_arrays_get_the_same_bits() -> None:
    np.testing.assert_array_equal(sines(ANGLES), elementary.sin(ANGLES))
    np.testing.assert_array_equal(elementary.sin(ANGLES[5]), elementary.sin(ANGLES)[5])
