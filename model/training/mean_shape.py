"""The constant mean arch: the baseline that never looks at a picture, and the cloud the decoder starts from."""

from collections.abc import Sequence

import numpy as np
import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours

CLOUDS = 200  # training clouds that count, at most; more change the mean by less than chance does
MEDOID_CLOUDS, MEDOID_POINTS = 100, 2_000
MEAN_POINTS = 12_500  # true points per cloud in each round
ROUNDS = 12
RELAXATION = 1.5  # a round moves points this much farther than to its optimum, for they all move the same way
SOFTENING = 0.01  # added to distances whose inverse is a weight


def mean_shape(clouds: Sequence[np.ndarray], points: int, seed: int) -> np.ndarray:
    """The constant cloud of least mean Chamfer distance to the training clouds, as near as a few rounds come.

    The best answer, by the loss, of a network that is blind: no correspondence and nothing but the training clouds
    goes in. It starts from their medoid. Each round moves every point towards the geometric median of its nearest
    true points in all clouds and of the true points it is the nearest of (Weiszfeld's weights, one over distance, which
    minimise distances that are not squared). The plain mean of nearest points alone shrinks the arch and scores lower.

    Args:
        clouds: C clouds of (N, 3), normalised frame.
        points: points of the result, N at most.
        seed: decides which clouds and points count where not all do.

    Returns:
        (points, 3) float32.

    Raises:
        ValueError: no cloud, or the medoid has fewer points than asked for.
    """
    if not len(clouds):
        raise ValueError("the mean arch needs at least one training cloud")
    rng = np.random.default_rng(seed)
    clouds = [clouds[i] for i in _some(len(clouds), CLOUDS, rng)]
    medoid = clouds[_medoid(clouds, rng)]
    if points > len(medoid):
        raise ValueError(f"the training clouds have {len(medoid)} points, fewer than the {points} asked for")
    truths = [_cloud(cloud, MEAN_POINTS, rng) for cloud in clouds]
    arch = medoid[_some(len(medoid), points, rng)].astype(np.float64)
    for _ in range(ROUNDS):
        arch += RELAXATION * (_medians(arch, truths) - arch)
    return arch.astype(np.float32)


def _medians(arch: np.ndarray, truths: Sequence[IndexedPoints]) -> np.ndarray:
    """One step of Weiszfeld's for each point of the arch, over its partners in both directions."""
    cloud = IndexedPoints.build(torch.from_numpy(arch))
    total, weights = np.zeros_like(arch), np.zeros(len(arch))
    for truth in truths:
        true = truth.points.numpy()
        partners = true[nearest_neighbours(cloud, truth).numpy()]
        weight = 1 / (np.linalg.norm(arch - partners, axis=1) + SOFTENING) / len(arch)
        total += weight[:, None] * partners
        weights += weight
        chosen = nearest_neighbours(truth, cloud).numpy()
        weight = 1 / (np.linalg.norm(true - arch[chosen], axis=1) + SOFTENING) / len(true)
        for axis in range(3):
            total[:, axis] += np.bincount(chosen, weight * true[:, axis], minlength=len(arch))
        weights += np.bincount(chosen, weight, minlength=len(arch))
    return total / weights[:, None]


def _medoid(clouds: Sequence[np.ndarray], rng: np.random.Generator) -> int:
    """Index of the cloud of least mean Chamfer distance to the others, among some and on some of their points."""
    some = _some(len(clouds), MEDOID_CLOUDS, rng)
    thin = [_cloud(clouds[i], MEDOID_POINTS, rng) for i in some]
    there = np.array(
        [[(a.points - b.points[nearest_neighbours(a, b)]).norm(dim=1).mean().item() for b in thin] for a in thin]
    )
    return int(some[(there + there.T).sum(axis=0).argmin()])


def _cloud(points: np.ndarray, count: int, rng: np.random.Generator) -> IndexedPoints:
    return IndexedPoints.build(torch.from_numpy(points[_some(len(points), count, rng)]))


def _some(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """All indices below `count`, or `most` of them at random, rising."""
    return np.sort(rng.permutation(count)[:most])
