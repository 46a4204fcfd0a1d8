"""Polygons to triangles, and the check that every corner is a vertex of the file."""

import numpy as np

from scans.mesh_files.malformed import MalformedError


def fan(corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Cut each polygon into triangles around its first corner.

    Args:
        corners: (C,) integers, the polygons' vertex indices one after another.
        sizes: (P,) how many corners each polygon has; they sum to C.

    Returns:
        (T, 3) triangles in the polygons' order and winding, T = C − 2P.

    Raises:
        MalformedError: a polygon has fewer than three corners.
    """
    if len(sizes) and sizes.min() < 3:
        worst = int(np.argmax(sizes < 3))
        raise MalformedError(f"face {worst + 1} has {sizes[worst]} corners, and a face needs three")
    if len(corners) == 3 * len(sizes):
        return corners.reshape(-1, 3)
    triangles = sizes - 2
    first = np.repeat(np.cumsum(sizes) - sizes, triangles)  # (T,)
    step = np.arange(len(first)) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.column_stack([corners[first], corners[first + step + 1], corners[first + step + 2]])


def list_items(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The vertex numbers of lists that lie in a flat array of numbers from text.

    Args:
        values: (N,) float64.
        starts: (P,) where each list's first item is.
        lengths: (P,) int64 how many items each list has; they lie inside `values`.

    Returns:
        (C,) int64, the items of all lists, one after another.

    Raises:
        MalformedError: an item is no whole number.
    """
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = values[np.repeat(starts, lengths) + step]
    if not (np.abs(items) < 2**53).all() or (items != np.floor(items)).any():
        raise MalformedError("a face has a corner that is no vertex number")
    return items.astype(np.int64)


def checked_faces(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """The faces as int32.

    Raises:
        MalformedError: a face refers to a vertex that the file doesn't have.
    """
    if faces.size and (faces.min() < 0 or faces.max() >= vertex_count):
        broken = ((faces < 0) | (faces >= vertex_count)).any(axis=1)
        raise MalformedError(
            f"{broken.sum()} of {len(faces)} faces refer to vertices that the file doesn't have (it has {vertex_count})"
        )
    return np.ascontiguousarray(faces, dtype=np.int32)
