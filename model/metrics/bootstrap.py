"""Confidence intervals of means over cases."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 10_000


def mean_interval(values: Sequence[float], seed: int, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron 1979) of the mean of some cases' figures.

    Cases are drawn anew, as many as there are, 10,000 times. The same seed and number of cases draw the same cases, so
    that rows of a table differ by their figures alone.

    Raises:
        ValueError: no value.
    """
    if not len(values):
        raise ValueError("an interval needs at least one case")
    drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    means = np.asarray(values, np.float64)[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
