"""Fits a radius estimator to the training jaws' ground truth and to reconstructions of held-out jaws."""

import numpy as np

from model.reconstruction.radius_estimator import RadiusEstimator

FEWEST_JAWS = 10  # training jaws with crowns; of fewer no covariance is estimated
FEWEST_HELD_OUT = 2
SHRINKAGE = 0.01  # of the covariances towards none, which few jaws estimate badly (Ledoit and Wolf 2004)
LEAST_VARIANCE = 1e-5  # of the covariance along any direction
PRIOR_JAWS = 4.0  # held-out jaws that the mean variance of all sizes' errors counts as, beside those of each size


def fit_radius_estimator(jaws: np.ndarray, errors: np.ndarray) -> RadiusEstimator | None:
    """Fit the distribution to the ground truth of training jaws, and the errors of observation to held-out ones.

    Args:
        jaws: (J, S + 1) logarithms of the crown sizes, NaN for those that are not there, and of the radius in mm.
        errors: (H, S) by how much the logarithms of the sizes on reconstructions differ from those of the ground truth,
            NaN for crowns that are not there or not found.

    Returns:
        None where too few jaws have labelled crowns.
    """
    jaws = jaws[np.isfinite(jaws[:, :-1]).any(axis=1)]
    errors = errors[np.isfinite(errors).any(axis=1)]
    if len(jaws) < FEWEST_JAWS or len(errors) < FEWEST_HELD_OUT:
        return None
    description = {"jaws": len(jaws), "held_out": len(errors)}
    return RadiusEstimator(*_distribution(jaws), *_errors(errors), description)


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
