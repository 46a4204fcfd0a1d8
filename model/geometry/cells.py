"""A grid's cells as whole numbers, by which points are grouped."""

import numpy as np

FARTHEST = 10**6  # cells from the origin along an axis; what lies beyond shares the last, so that numbers fit int64


def cells_of(points: np.ndarray, edge: float) -> np.ndarray:
    """The number (N,) int64 of the cell of this edge that each of N > 0 points (N, 3) lies in.

    Cells are counted in the points' bounding box, along z, then y, then x. One number sorts ten times faster than a row
    of three, which NumPy compares byte by byte and without releasing the GIL.
    """
    cells = np.floor(points / edge).clip(-FARTHEST, FARTHEST).astype(np.int64)
    cells -= cells.min(axis=0)
    return np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1))


def first_in_each_cell(points: np.ndarray, edge: float) -> np.ndarray:
    """Index (M,) of the first of the points (N, 3) in each cell of this edge that holds any, in the order of cells."""
    return np.unique(cells_of(points, edge), return_index=True)[1]
