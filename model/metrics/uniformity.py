"""Uniformity of a predicted point cloud on the ground-truth surface."""

import numpy as np

from model.geometry.radius_search import pairs_within

FRACTIONS = (0.004, 0.006, 0.008, 0.010, 0.012)  # of the surface that a disc covers, PU-GAN's
SEEDS = 1_000  # discs of each size


class Discs:
    """PU-GAN's discs: balls at random points of a ground truth, of radius sqrt(fraction * area / π) for FRACTIONS.

    Args:
        gt: (M, 3), evenly spread.
        area: of the ground-truth surface, in the square of their unit.
        rng: chooses the centres.
    """

    def __init__(self, gt: np.ndarray, area: float, rng: np.random.Generator) -> None:
        self.centres = gt[np.sort(rng.permutation(len(gt))[:SEEDS])].astype(np.float64)
        self.radii = np.sqrt(np.array(FRACTIONS) * area / np.pi)  # ascending
        self.points, self.area_per_point = len(gt), area / len(gt)
        self.held = self.sums(gt, np.ones((1, len(gt))))[0]

    def sums(self, points: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(K, discs, radii) sums of (K, N) values over those of the (N, 3) points that lie in each disc."""
        # The centres are spread evenly, so a point lies in few discs, however the cloud clumps.
        within = pairs_within(self.centres, points, float(self.radii[-1]), len(self.centres) * len(points))
        assert within is not None  # there can't be more
        starts, inside = within
        disc = np.repeat(np.arange(len(self.centres)), np.diff(starts))
        offsets = points[inside] - self.centres[disc]
        distances = np.sqrt(np.einsum("ij,ij->i", offsets, offsets))
        # The least of the radii that is no smaller; rounding may put a distance just above the largest one.
        smallest = np.minimum(np.searchsorted(self.radii, distances), len(self.radii) - 1)
        shape = len(self.centres), len(self.radii)
        at = np.ravel_multi_index((disc, smallest), shape)
        rings = [np.bincount(at, row[inside], np.prod(shape)).reshape(shape) for row in values]
        return np.cumsum(rings, axis=2)


def uniformity(pred: np.ndarray, spacing: np.ndarray, discs: Discs) -> float:
    """PU-GAN's uniformity (Li et al., ICCV 2019): imbalance times clutter, mean over discs; 0 is best.

    Of n predicted points in a disc where n̂ are expected, the imbalance is (n - n̂)² / n̂. The clutter is the mean of
    (d - d̂)² / d̂ over these points, d the distance to the nearest other point and d̂ that of a hexagonal lattice of n
    points over the disc's surface. Two things differ from PU-GAN: n̂ is what the ground truth has in the same ball, in
    proportion, where PU-GAN takes geodesic discs and a constant, for a ball cuts both sides of an alveolar ridge; and d
    looks beyond the ball's edge. A disc without predicted points counts with the clutter of d = 0, which is d̂ for
    n = 1.

    Args:
        pred: (N, 3). spacing: (N,) distance of each to its nearest other.
        discs: of the ground truth, in the same unit.
    """
    count, total, squares = discs.sums(pred, np.stack([np.ones_like(spacing), spacing, spacing**2]))
    lattice = np.sqrt(2 * discs.held * discs.area_per_point / (np.sqrt(3) * np.maximum(count, 1)))
    deviation = squares - 2 * lattice * total + count * lattice**2  # the sum of (d - d̂)²
    clutter = np.where(count > 0, deviation / np.maximum(count, 1), lattice**2) / lattice
    expected = discs.held * (len(pred) / discs.points)
    return float(np.mean((count - expected) ** 2 / expected * clutter))
