"""Confidence intervals of means over cases."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 10_000
CONFIDENCE = 0.95
BATCH = 10_000_000  # values in memory at once


def mean_interval(values: Sequence[float] | np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """95 % percentile bootstrap interval (Efron 1979) of the mean of (N,) values, one per case.

    Generators of the same seed resample the same cases, so that metrics of the same cases differ by their values alone.

    Raises:
        ValueError: there is no value.
    """
    if not len(values):
        raise ValueError("an interval needs at least one case")
    if len(values) == 1:  # of which SciPy says nothing
        return float(values[0]), float(values[0])
    found = bootstrap(
        (np.asarray(values, np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, BATCH // len(values)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=rng,
    ).confidence_interval
    return float(found.low), float(found.high)
