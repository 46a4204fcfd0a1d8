"""Fits a radius estimator to the training jaws' ground truth and to reconstructions of held-out jaws."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from model.reconstruction.radius_estimator import RadiusEstimator
from scans.vectors import ordered_sum

FEWEST_JAWS = 10  # training jaws with crowns; of fewer no covariance is estimated
FEWEST_HELD_OUT = 4
SHRINKAGE = 0.01  # of the covariances towards none, which few jaws estimate badly (Ledoit and Wolf 2004)
LEAST_VARIANCE = 1e-5  # of the covariance along any direction
PRIOR_JAWS = 4.0  # held-out jaws that the mean variance of all sizes' errors counts as, beside those of each size


class HeldOut(NamedTuple):
    """A jaw that the network has not been trained on.

    Attributes:
        observed, true: (S + 1,) logarithms of its crown sizes, NaN for those that are not there, and of its radius in
            mm: on the reconstruction, where the radius is the network's prediction, and of the ground truth.
    """

    observed: np.ndarray
    true: np.ndarray


def fit_radius_estimator(jaws: np.ndarray, held_out: Sequence[HeldOut]) -> RadiusEstimator | None:
    """Fit the distribution to the ground truth of training jaws, and the errors of observation to held-out ones.

    The share of the crowns' estimate in the result is that of least squared error on the held-out jaws, each left out
    of the fit of the errors in its turn.

    Args:
        jaws: (J, S + 1) logarithms of the crown sizes, NaN for those that are not there, and of the radius in mm.

    Returns:
        None where too few jaws have labelled crowns.
    """
    jaws = jaws[np.isfinite(jaws[:, :-1]).any(axis=1)]
    observed, true = np.array(held_out).reshape(-1, 2, jaws.shape[1]).swapaxes(0, 1)
    errors = (observed - true)[:, :-1]
    both = np.isfinite(errors).any(axis=1)
    if len(jaws) < FEWEST_JAWS or both.sum() < FEWEST_HELD_OUT:
        return None
    observed, true, errors = observed[both], true[both], errors[both]
    description = {"jaws": len(jaws), "held_out": len(errors)}
    distribution, whole = _distribution(jaws), np.ones(())
    others = [np.delete(errors, number, axis=0) for number in range(len(errors))]
    apart = [RadiusEstimator(*distribution, *_errors(each), whole, {}) for each in others]
    by_crowns = [each.expected_log_radius(sizes) for each, sizes in zip(apart, observed[:, :-1], strict=True)]
    share = _share(np.array(by_crowns) - true[:, -1], observed[:, -1] - true[:, -1])
    return RadiusEstimator(*distribution, *_errors(errors), share, description | {"share": round(float(share), 3)})


def _share(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The share of the first of two estimates with these errors (H,) in their mean of least squared error, 0 to 1."""
    apart = second - first
    return np.clip(ordered_sum(second * apart) / max(ordered_sum(apart**2), np.finfo(float).tiny), 0, 1)


def _distribution(jaws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance, each of the jaws that have what it is of."""
    there = np.isfinite(jaws)
    mean = _over(np.where(there, jaws, 0).sum(axis=0), there.sum(axis=0))
    deviations = np.where(there, jaws - mean, 0)
    pairs = np.einsum("ji,jk->ik", there.astype(np.float64), there.astype(np.float64))
    covariance = _over(np.einsum("ji,jk->ik", deviations, deviations), pairs)
    covariance *= np.where(np.eye(len(mean), dtype=bool), 1, 1 - SHRINKAGE)
    # That of pairs of which each has other jaws need not be one of any distribution.
    values, vectors = np.linalg.eigh(covariance)
    return mean, np.einsum("ik,k,jk->ij", vectors, np.maximum(values, LEAST_VARIANCE), vectors)


def _errors(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the errors (H, S), NaN where there is none.

    Means of few jaws are drawn to 0, and variances to that of all sizes.
    """
    there = np.isfinite(errors)
    counts = there.sum(axis=0)
    mean = _over(np.where(there, errors, 0).sum(axis=0), counts)
    squares = (np.where(there, errors - mean, 0) ** 2).sum(axis=0)
    variance = (squares + PRIOR_JAWS * squares.sum() / counts.sum()) / (counts + PRIOR_JAWS)
    return mean * counts / (counts + PRIOR_JAWS / 2), variance


def _over(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return total / np.maximum(count, 1)
