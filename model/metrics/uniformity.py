"""How evenly a predicted cloud covers the true surface."""

import numpy as np
from scipy.spatial import cKDTree

SHARES = (0.004, 0.006, 0.008, 0.010, 0.012)  # of the surface that a disc covers, PU-GAN's
SEEDS = 1_000  # discs of each size


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
    radii = [np.sqrt(share * area / np.pi) for share in SHARES]
    mine, true = _balls(seeds, predicted, max(radii)), _balls(seeds, truth, max(radii))
    products = []
    for radius in radii:
        # (S,) each: true points, at least the seed itself, and predicted ones.
        held = np.bincount(true["i"][true["v"] <= radius], minlength=len(seeds))
        inside = mine[mine["v"] <= radius]
        count = np.bincount(inside["i"], minlength=len(seeds))
        lattice = np.sqrt(2 * held * (area / len(truth)) / (np.sqrt(3) * np.maximum(count, 1)))
        squares = (spacing[inside["j"]] - lattice[inside["i"]]) ** 2
        total = np.bincount(inside["i"], squares, minlength=len(seeds))
        clutter = np.where(count > 0, total / np.maximum(count, 1), lattice**2) / lattice
        due = held * (len(predicted) / len(truth))
        products.append((count - due) ** 2 / due * clutter)
    return float(np.mean(products))


def _balls(seeds: np.ndarray, cloud: np.ndarray, radius: float) -> np.ndarray:
    """Records of a seed i, a point j of the cloud and their distance v, of all pairs within the radius.

    Evenly spread seeds share out the cloud: however it clumps, a point lies in a few of their balls alone.
    """
    return cKDTree(seeds).sparse_distance_matrix(
        cKDTree(cloud.astype(np.float64)), np.nextafter(radius, np.inf), output_type="ndarray"
    )
