"""Seed points: where the training jaws have their surfaces, and reconstruction starts."""

from collections.abc import Iterable

import numpy as np

CELL = 0.05  # jaw radii
BITS = 16  # for a cell's number along an axis
HALF = 1 << (BITS - 1)  # added to it, so that it isn't negative
MIN_FRACTION = 0.02  # of the jaws, that must have points in a cell for a seed point


def find_seed_points(clouds: Iterable[np.ndarray]) -> np.ndarray:
    """The centres of the cells in which at least a fiftieth of the jaws have points.

    Args:
        clouds: (N, 3) each, normalised frame; at least one. One cloud is in memory at a time.

    Returns:
        (S, 3) float32, in the order of the cells.
    """
    cells, jaws, total = np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    for cloud in clouds:
        # Three numbers in one, for whole rows take thirty times as long to sort.
        x, y, z = np.floor(cloud / CELL).astype(np.int64).T + HALF
        occupied = np.unique((x << 2 * BITS) + (y << BITS) + z)
        cells, index = np.unique(np.concatenate([cells, occupied]), return_inverse=True)
        counts = np.concatenate([jaws, np.ones(len(occupied), np.int64)])
        jaws = np.bincount(index, counts, minlength=len(cells)).astype(np.int64)
        total += 1
    often = cells[jaws >= MIN_FRACTION * total]
    corners = np.stack([often >> 2 * BITS, often >> BITS, often], axis=1) % (2 * HALF) - HALF
    return ((corners + 0.5) * CELL).astype(np.float32)
