"""Seed points: where the training jaws have their surfaces, and reconstruction starts."""

from collections.abc import Iterable

import numpy as np

CELL = 0.05  # jaw radii
MIN_FRACTION = 0.02  # of the jaws, that must have points in a cell for a seed point


def find_seed_points(clouds: Iterable[np.ndarray]) -> np.ndarray:
    """The centres of the cells in which at least a fiftieth of the jaws have points.

    Args:
        clouds: (N, 3) each, normalised frame; at least one. One cloud is in memory at a time.

    Returns:
        (S, 3) float32, in the order of the cells.
    """
    cells, jaws, total = np.zeros((0, 3), np.int16), np.zeros(0, np.int64), 0
    for cloud in clouds:
        occupied = np.unique(np.floor(cloud / CELL).astype(np.int16), axis=0)
        cells, index = np.unique(np.concatenate([cells, occupied]), axis=0, return_inverse=True)
        counts = np.concatenate([jaws, np.ones(len(occupied), np.int64)])
        jaws = np.bincount(index.reshape(-1), counts, minlength=len(cells)).astype(np.int64)
        total += 1
    return ((cells[jaws >= MIN_FRACTION * total] + 0.5) * CELL).astype(np.float32)
