"""How evenly a predicted cloud covers the true surface."""

import numpy as np
from scipy.spatial import cKDTree

SHARES = (0.004, 0.006, 0.008, 0.010, 0.012)  # of the surface that a disc covers, PU-GAN's
SEEDS = 1_000  # discs of each size


def neighbour_cv(spacing: np.ndarray) -> float:
    """Standard deviation over mean of the distances (N,) to the nearest other point; 0 where all points coincide."""
    return float(spacing.std() / spacing.mean()) if spacing.any() else 0.0


def uniformity(
    predicted: np.ndarray, spacing: np.ndarray, truth: np.ndarray, area: float, rng: np.random.Generator
) -> float:
    """PU-GAN's uniformity figure (Li et al., ICCV 2019): imbalance times clutter, mean over discs; 0 is best.

    Balls of radius sqrt(share * area / π) stand around true points drawn by chance. Of n predicted points in a ball
    where n̂ are due, the imbalance is (n - n̂)² / n̂. The clutter is the mean of (d - d̂)² / d̂ over these points, d the
    distance to the nearest other point and d̂ that of a hexagonal lattice of n points over the ball's surface.
    Two things differ from PU-GAN: n̂ is what the true cloud holds in the same ball, in proportion, where PU-GAN takes
    geodesic discs and a constant, for a ball cuts both sides of an alveolar ridge; and d looks beyond the ball's edge.
    A ball without predicted points counts with the clutter of d = 0, which is d̂ for n = 1.

    Args:
        predicted: (N, 3). spacing: (N,) distance of each to its nearest other.
        truth: (M, 3), evenly spread. area: of the true surface, in the square of their unit.
        rng: chooses the true points.
    """
    seeds = truth[np.sort(rng.permutation(len(truth))[:SEEDS])].astype(np.float64)
    mine, true = cKDTree(predicted.astype(np.float64)), cKDTree(truth.astype(np.float64))
    products = []
    for share in SHARES:
        radius = np.sqrt(share * area / np.pi)
        held = true.query_ball_point(seeds, radius, return_length=True)  # at least the seed itself
        due = held * (len(predicted) / len(truth))
        for seed, expected, surface in zip(seeds, due, held * (area / len(truth)), strict=True):
            inside = mine.query_ball_point(seed, radius, return_sorted=False)
            count = len(inside)
            lattice = np.sqrt(2 * surface / (np.sqrt(3) * max(count, 1)))
            distances = spacing[inside] if count else np.zeros(1)
            clutter = ((distances - lattice) ** 2).mean() / lattice
            products.append((count - expected) ** 2 / expected * clutter)
    return float(np.mean(products))
