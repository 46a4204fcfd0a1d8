"""Estimates the jaw radius in mm, which pictures don't show, from the sizes of the reconstructed crowns.

Teeth differ less in size than jaws do: an upper central incisor is 8.5 mm wide, with a standard deviation of 0.6 mm
(Wheeler's Dental Anatomy). So the sizes of all crowns, relative to the jaw's radius, tell how long it is.

The network stays as it is: the estimator is fitted afterwards, by `model.reconstruction.fit_radius_estimator`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.reconstruction.head_file import HeadFile, Shape
from scans.morphometry import ARCH, CROWN_SIZES, crown_sizes
from scans.vectors import dot

RADIUS_ESTIMATOR = "radius_estimator.safetensors"  # beside the weights
FORMAT = 1
KINDS = 8  # of teeth, from the central incisor to the third molar: the last digit of an FDI number
SIZES = KINDS * len(CROWN_SIZES)
ARRAYS: dict[str, Shape] = {
    "mean": (SIZES + 1,),
    "covariance": (SIZES + 1, SIZES + 1),
    "bias": (SIZES,),
    "noise": (SIZES,),
    "share": (),
}
LEAST_SHARE = 0.002  # of the points; a crown with fewer, which may be a patch of wrong labels, is not measured
TAILS = 0.02  # fraction of a crown's points that is left out at either end of an extent
FARTHEST = 3.0  # standard deviations; what is farther from its expectation counts as this


@dataclass(frozen=True)
class RadiusEstimator:
    """Crown sizes → the jaw radius in mm, by the linear estimator of least mean squared error.

    The logarithms of the S = 24 crown sizes (`log_crown_sizes`) and of the radius are taken to be normally distributed
    over jaws, and the sizes to be observed on a reconstruction with independent errors. The crowns' estimate is the
    expectation of the radius, given the sizes of those that are there. The result is its weighted mean with the
    network's own prediction.

    Attributes:
        mean: (S + 1,), covariance: (S + 1, S + 1) over jaws, of the sizes and, last, of the radius.
        bias: (S,) mean, noise: (S,) variance of the errors of the sizes.
        share: () of the crowns' estimate in the mean, 0 to 1.
        description: how it was fitted, as plain JSON.
    """

    mean: np.ndarray
    covariance: np.ndarray
    bias: np.ndarray
    noise: np.ndarray
    share: np.ndarray
    description: dict[str, Any]

    def __call__(self, points: np.ndarray, labels: np.ndarray, radius: float) -> float:
        """The jaw radius in mm.

        Args:
            points: (N, 3) evenly on the reconstructed surface, labels: (N,) their FDI numbers.
            radius: predicted by the network, in mm; the result where there are no crowns to measure.
        """
        sizes = log_crown_sizes(points, labels)
        if not np.isfinite(sizes).any():
            return radius
        return float(np.exp(self.share * self.expected_log_radius(sizes) + (1 - self.share) * np.log(radius)))

    def expected_log_radius(self, sizes: np.ndarray) -> float:
        """The expectation of the radius's logarithm.

        Args:
            sizes: (S,) logarithms of crown sizes, NaN for those that are not there; at least one is.
        """
        there = np.isfinite(sizes)
        covariance = self.covariance[:-1, :-1].astype(np.float64)
        variance = (covariance + np.diag(self.noise))[np.ix_(there, there)]
        bound = FARTHEST * np.sqrt(np.diag(variance))
        deviation = np.clip((sizes - self.mean[:-1] - self.bias)[there], -bound, bound)
        gain = np.linalg.solve(variance, self.covariance[:-1, -1].astype(np.float64)[there])
        return float(self.mean[-1] + dot(gain, deviation))


def log_crown_sizes(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(S,) natural logarithms of three sizes of each of the eight kinds of crowns; NaN for those that are not there.

    A size is the mean of both sides' (`scans.morphometry.crown_sizes`), in the unit of the points.

    Args:
        points: (N, 3), labels: (N,) FDI numbers.
    """
    crowns = {fdi: points[labels == fdi] for fdi in ARCH}
    found = crown_sizes({fdi: own for fdi, own in crowns.items() if len(own) >= LEAST_SHARE * len(points)}, tails=TAILS)
    sizes = np.full((KINDS, 2, len(CROWN_SIZES)), np.nan)
    for fdi, size in found.items():
        quadrant, kind = divmod(fdi, 10)
        sizes[kind - 1, quadrant - 1] = size
    there = np.isfinite(sizes)
    mean = np.where(there, sizes, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.log(mean, out=np.full_like(mean, np.nan), where=mean > 0).ravel()


_FILE = HeadFile(RadiusEstimator, "a radius estimator", FORMAT, ARRAYS)
write_radius_estimator, read_radius_estimator = _FILE.write, _FILE.read
