"""The mean shape: the baseline that ignores the images, and the initial prediction of the cloud decoder."""

from collections.abc import Sequence

import numpy as np
import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours

CLOUDS = 200  # training clouds that are used, at most; more change the mean shape by less than the choice does
MEDOID_CLOUDS, MEDOID_POINTS = 100, 2_000
MEAN_POINTS = 12_500  # ground-truth points per cloud in each round
ROUNDS = 12
RELAXATION = 1.5  # over-relaxation: the points all move the same way
SOFTENING = 0.01  # added to distances whose inverse is a weight


def choose_clouds(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rising numbers of the clouds, of `count`, that the mean shape is made of."""
    return _choose(count, CLOUDS, rng)


def mean_shape(clouds: Sequence[np.ndarray], points: int, rng: np.random.Generator) -> np.ndarray:
    """The point cloud of least mean Chamfer distance to the training clouds, as far as a few rounds reach.

    By the loss, the best prediction of a network that sees nothing. It starts from the medoid. Each round moves every
    point towards the geometric median of its nearest ground-truth points in all clouds and of those that it is the
    nearest of (Weiszfeld's weights, the inverse distances, which minimise distances that are not squared). The
    plain mean of nearest points shrinks the arch and scores lower.

    Args:
        clouds: C clouds of (N, 3), normalised frame, see `choose_clouds`.
        points: of the result, at most N.
        rng: chooses points where not all are used.

    Returns:
        (points, 3) float32.

    Raises:
        ValueError: there is no cloud, or the medoid has fewer points.
    """
    if not len(clouds):
        raise ValueError("the mean shape needs at least one training cloud")
    medoid = clouds[_medoid(clouds, rng)]
    if points > len(medoid):
        raise ValueError(f"the training clouds have {len(medoid)} points, fewer than {points}")
    targets = [_cloud(cloud, MEAN_POINTS, rng) for cloud in clouds]
    shape = medoid[_choose(len(medoid), points, rng)].astype(np.float64)
    for _ in range(ROUNDS):
        shape += RELAXATION * (_medians(shape, targets) - shape)
    return shape.astype(np.float32)


def _medians(shape: np.ndarray, targets: Sequence[IndexedPoints]) -> np.ndarray:
    """One step of Weiszfeld's algorithm for each point, over its nearest neighbours in both directions."""
    cloud = IndexedPoints.build(torch.from_numpy(shape))
    total, weights = np.zeros_like(shape), np.zeros(len(shape))
    for target in targets:
        gt = target.points.numpy()
        partners = gt[nearest_neighbours(cloud, target).numpy()]
        weight = 1 / (np.linalg.norm(shape - partners, axis=1) + SOFTENING) / len(shape)
        total += weight[:, None] * partners
        weights += weight
        chosen = nearest_neighbours(target, cloud).numpy()
        weight = 1 / (np.linalg.norm(gt - shape[chosen], axis=1) + SOFTENING) / len(gt)
        for axis in range(3):
            total[:, axis] += np.bincount(chosen, weight * gt[:, axis], minlength=len(shape))
        weights += np.bincount(chosen, weight, minlength=len(shape))
    return total / weights[:, None]


def _medoid(clouds: Sequence[np.ndarray], rng: np.random.Generator) -> int:
    """Index of the cloud of least mean Chamfer distance to the others, among some and on some of their points."""
    chosen = _choose(len(clouds), MEDOID_CLOUDS, rng)
    thin = [_cloud(clouds[i], MEDOID_POINTS, rng) for i in chosen]
    there = np.array(
        [[(a.points - b.points[nearest_neighbours(a, b)]).norm(dim=1).mean().item() for b in thin] for a in thin]
    )
    return int(chosen[(there + there.T).sum(axis=0).argmin()])


def _cloud(points: np.ndarray, count: int, rng: np.random.Generator) -> IndexedPoints:
    return IndexedPoints.build(torch.from_numpy(points[_choose(len(points), count, rng)]))


def _choose(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """All indices below `count`, or `most` of them at random, rising."""
    return np.sort(rng.permutation(count)[:most])
