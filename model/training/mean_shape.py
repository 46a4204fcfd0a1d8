"""The mean shape: the baseline that ignores the images, and the initial prediction of the cloud decoder."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numba import njit

from model.geometry.neighbours import IndexedPoints, nearest_neighbours

CLOUDS = 200  # training clouds that are used, at most; more change the mean shape by less than the choice does
MEDOID_CLOUDS, MEDOID_POINTS = 48, 1_000
MEAN_POINTS = 12_500  # ground-truth points per cloud in each round
# Rounds, clouds in each, which take turns, and over-relaxation, for the points all move the same way. Many rounds with
# few clouds reach a smaller distance than 12 with all of them, in an eighth of the time: 0.0290 and 0.0299 on 40 unseen
# jaws. The last ones take more, so that the result does not lean towards those that came last.
ROUNDS = ((24, 12, 1.5), (3, 50, 1.0))
SOFTENING = 0.01  # added to distances whose inverse is a weight


def choose_clouds(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rising numbers of the clouds, of `count`, that the mean shape is made of."""
    return _choose(count, CLOUDS, rng)


def mean_shape(clouds: Sequence[np.ndarray], points: int, rng: np.random.Generator) -> np.ndarray:
    """The point cloud of least mean Chamfer distance to the training clouds, as far as a few rounds reach.

    By the loss, the best prediction of a network that sees nothing. It starts from the medoid. Each round moves every
    point towards the geometric median of its nearest ground-truth points in some clouds and of those that it is the
    nearest of (Weiszfeld's weights, the inverse distances, which minimise distances that are not squared). The
    plain mean of nearest points shrinks the arch and scores lower.

    Args:
        clouds: C clouds of (N, 3), normalised frame, see `choose_clouds`.
        points: of the result, at most N.
        rng: chooses points and clouds where not all are used.

    Returns:
        (points, 3) float32, the same on every processor.

    Raises:
        ValueError: there is no cloud, or the medoid has fewer points.
    """
    if not len(clouds):
        raise ValueError("the mean shape needs at least one training cloud")
    medoid = clouds[_medoid(clouds, rng)]
    if points > len(medoid):
        raise ValueError(f"the training clouds have {len(medoid)} points, fewer than {points}")
    # In an order of chance, for clouds that follow each other may resemble each other.
    targets = [_cloud(clouds[i], MEAN_POINTS, rng) for i in rng.permutation(len(clouds))]
    shape = medoid[_choose(len(medoid), points, rng)].astype(np.float64)
    turn = itertools.cycle(targets)
    for rounds, count, relaxation in ROUNDS:
        for _ in range(rounds):
            shape += relaxation * (_medians(shape, itertools.islice(turn, min(count, len(targets)))) - shape)
    return shape.astype(np.float32)


def _medians(shape: np.ndarray, targets: Iterable[IndexedPoints]) -> np.ndarray:
    """One step of Weiszfeld's algorithm for each point, over its nearest neighbours in both directions."""
    cloud = IndexedPoints.build(torch.from_numpy(shape))
    sums = np.zeros((len(shape), 4))
    every = np.arange(len(shape))
    for target in targets:
        gt = target.points.numpy()
        _pull(sums, shape, every, gt, nearest_neighbours(cloud, target).numpy())
        _pull(sums, shape, nearest_neighbours(target, cloud).numpy(), gt, np.arange(len(gt)))
    return sums[:, :3] / sums[:, 3:]


@njit(cache=True, nogil=True)
def _pull(sums: np.ndarray, shape: np.ndarray, pulled: np.ndarray, gt: np.ndarray, partners: np.ndarray) -> None:
    """Add the weighted ground-truth points `partners` of the points `pulled`, and the weights, to `sums` (N, 4)."""
    for k in range(len(pulled)):
        i, j = pulled[k], partners[k]
        dx, dy, dz = shape[i, 0] - gt[j, 0], shape[i, 1] - gt[j, 1], shape[i, 2] - gt[j, 2]
        weight = 1 / (np.sqrt(dx * dx + dy * dy + dz * dz) + SOFTENING) / len(pulled)
        for axis in range(3):
            sums[i, axis] += weight * gt[j, axis]
        sums[i, 3] += weight


def _medoid(clouds: Sequence[np.ndarray], rng: np.random.Generator) -> int:
    """Index of the cloud of least mean Chamfer distance to the others, among some and on some of their points."""
    chosen = _choose(len(clouds), MEDOID_CLOUDS, rng)
    thin = [_cloud(clouds[i], MEDOID_POINTS, rng) for i in chosen]
    there = np.array(
        [
            [_mean_distance(a.points.numpy(), b.points.numpy(), nearest_neighbours(a, b).numpy()) for b in thin]
            for a in thin
        ]
    )
    return int(chosen[(there + there.T).sum(axis=0).argmin()])


@njit(cache=True, nogil=True)
def _mean_distance(a: np.ndarray, b: np.ndarray, partners: np.ndarray) -> float:
    total = 0.0
    for i in range(len(a)):
        j = partners[i]
        dx, dy, dz = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1], a[i, 2] - b[j, 2]
        total += np.sqrt(dx * dx + dy * dy + dz * dz)
    return total / len(a)


def _cloud(points: np.ndarray, count: int, rng: np.random.Generator) -> IndexedPoints:
    return IndexedPoints.build(torch.from_numpy(points[_choose(len(points), count, rng)]))


def _choose(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """All indices below `count`, or `most` of them at random, rising."""
    return np.sort(rng.permutation(count)[:most])
