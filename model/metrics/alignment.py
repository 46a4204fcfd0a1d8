"""Rigid and similarity alignment of point clouds: Umeyama's closed form, and ICP around it."""

from typing import NamedTuple

import numpy as np

from model.geometry.neighbours import nearest_neighbours
from model.metrics.distances import indexed

SAMPLE = 5_000  # points of either cloud, evenly by index; an alignment has seven unknowns
ITERATIONS = 50
STILL = 1e-3  # mm that the fastest point moves in the last iteration


class Similarity(NamedTuple):
    """A similarity transformation, x' = scale · R x + shift; rigid with a scale of 1.

    Attributes:
        scale: more than 0. rotation: (3, 3), determinant 1. shift: (3,).
    """

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) points, transformed."""
        return self.scale * points @ self.rotation.T + self.shift


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def umeyama(source: np.ndarray, target: np.ndarray, *, scaling: bool) -> Similarity:
    """The transformation of least squared distance between N pairs of points, in closed form (Umeyama 1991, eq. 40-43).

    Args:
        source, target: (N, 3), pairs by index.
        scaling: whether the scale is free; otherwise it is 1 (Kabsch 1976).
    """
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    centred = source - mean_source
    u, singular, v = np.linalg.svd((target - mean_target).T @ centred / len(source))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])  # no reflection
    rotation = (u * signs) @ v
    variance = float(np.square(centred).sum() / len(source))
    scale = float(singular @ signs) / variance if scaling and variance > 0 else 1.0
    return Similarity(scale, rotation, mean_target - scale * rotation @ mean_source)


def align(source: np.ndarray, target: np.ndarray, *, scaling: bool) -> Similarity:
    """The transformation that ICP finds from where the clouds lie (Besl and McKay 1992); a local optimum.

    A pair is a point and the nearest of the other cloud, of the source's points and of the target's alike, as surface
    distances are taken both ways too. None is trimmed. Ends when no point moves by STILL, or after ITERATIONS. Noise of
    the source makes a free scale smaller, as in any regression.

    Args:
        source: (N, 3), mm. target: (M, 3), mm. One point or more on either side.
    """
    source, target = _thinned(source), _thinned(target)
    indexed_target = indexed(target)
    found, moved = IDENTITY, source
    for _ in range(ITERATIONS):
        indexed_source = indexed(moved)
        to_target = nearest_neighbours(indexed_source, indexed_target).numpy()
        to_source = nearest_neighbours(indexed_target, indexed_source).numpy()
        pairs = np.concatenate([source, source[to_source]]), np.concatenate([target[to_target], target])
        found = umeyama(*pairs, scaling=scaling)
        before, moved = moved, found(source)
        if np.abs(moved - before).max() < STILL:
            break
    return found


def _thinned(points: np.ndarray) -> np.ndarray:
    step = max(1, -(-len(points) // SAMPLE))
    return points[::step].astype(np.float64)
