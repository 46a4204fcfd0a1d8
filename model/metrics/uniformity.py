"""Uniformity of a predicted point cloud on the ground-truth surface."""

import numpy as np
from scipy.spatial import cKDTree

FRACTIONS = (0.004, 0.006, 0.008, 0.010, 0.012)  # of the surface that a disc covers, PU-GAN's
SEEDS = 1_000  # discs of each size


def uniformity(pred: np.ndarray, spacing: np.ndarray, gt: np.ndarray, area: float, rng: np.random.Generator) -> float:
    """PU-GAN's uniformity (Li et al., ICCV 2019): imbalance times clutter, mean over discs; 0 is best.

    Balls of radius sqrt(fraction * area / π) are centred at random ground-truth points. Of n predicted points in a ball
    where n̂ are expected, the imbalance is (n - n̂)² / n̂. The clutter is the mean of (d - d̂)² / d̂ over these points, d
    the distance to the nearest other point and d̂ that of a hexagonal lattice of n points over the ball's surface.
    Two things differ from PU-GAN: n̂ is what the ground truth has in the same ball, in proportion, where PU-GAN takes
    geodesic discs and a constant, for a ball cuts both sides of an alveolar ridge; and d looks beyond the ball's edge.
    A ball without predicted points counts with the clutter of d = 0, which is d̂ for n = 1.

    Args:
        pred: (N, 3). spacing: (N,) distance of each to its nearest other.
        gt: (M, 3), evenly spread. area: of the ground-truth surface, in the square of their unit.
        rng: chooses the ground-truth points.
    """
    seeds = gt[np.sort(rng.permutation(len(gt))[:SEEDS])].astype(np.float64)
    radii = [np.sqrt(fraction * area / np.pi) for fraction in FRACTIONS]
    in_pred, in_gt = _balls(seeds, pred, max(radii)), _balls(seeds, gt, max(radii))
    products = []
    for radius in radii:
        # (S,) each: ground-truth points, at least the seed itself, and predicted ones.
        held = np.bincount(in_gt["i"][in_gt["v"] <= radius], minlength=len(seeds))
        inside = in_pred[in_pred["v"] <= radius]
        count = np.bincount(inside["i"], minlength=len(seeds))
        lattice = np.sqrt(2 * held * (area / len(gt)) / (np.sqrt(3) * np.maximum(count, 1)))
        squares = (spacing[inside["j"]] - lattice[inside["i"]]) ** 2
        total = np.bincount(inside["i"], squares, minlength=len(seeds))
        clutter = np.where(count > 0, total / np.maximum(count, 1), lattice**2) / lattice
        expected = held * (len(pred) / len(gt))
        products.append((count - expected) ** 2 / expected * clutter)
    return float(np.mean(products))


def _balls(seeds: np.ndarray, cloud: np.ndarray, radius: float) -> np.ndarray:
    """Records (i, j, v) of all pairs of a seed i and a point j within the radius, at distance v.

    The seeds are spread evenly, so a point lies in few balls, however the cloud clumps.
    """
    return cKDTree(seeds).sparse_distance_matrix(
        cKDTree(cloud.astype(np.float64)), np.nextafter(radius, np.inf), output_type="ndarray"
    )
