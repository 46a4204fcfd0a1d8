"""Where a field's reconstruction seed_points: the places where training jaws have their surfaces."""

from collections.abc import Iterable

import numpy as np

CELL = 0.05  # jaw radii
RAREST = 0.02  # share of the jaws that have surface in a cell, from which on it counts


def find_seed_points(clouds: Iterable[np.ndarray]) -> np.ndarray:
    """The middles of the cells in which at least a fiftieth of the jaws have points.

    Args:
        clouds: (N, 3) each, normalised frame; one at least.

    Returns:
        (S, 3) float32, in the cells' order.
    """
    occupied = [np.unique(np.floor(cloud / CELL).astype(np.int16), axis=0) for cloud in clouds]
    cells, jaws = np.unique(np.concatenate(occupied), axis=0, return_counts=True)
    return ((cells[jaws >= RAREST * len(occupied)] + 0.5) * CELL).astype(np.float32)
