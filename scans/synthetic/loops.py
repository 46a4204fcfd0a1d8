"""Strips and fans that close the border loops of triangle surfaces (see `scans.borders`).

What closes a loop runs through the same edges the other way, and a strip's far side is a loop again. Strips and fans
are topologically sound wherever the vertices lie.
"""

import numpy as np


def strip(loop: np.ndarray, keys: np.ndarray, ring: np.ndarray, ring_keys: np.ndarray) -> np.ndarray:
    """Triangles between a loop and a ring: (n + m, 3) int.

    Args:
        loop: (n,) vertices of a border.
        keys: (n,) increasing places along it, 0 ... 1; triangles join what has about the same key.
        ring: (m,) vertices of the far side, in the same direction.
        ring_keys: (m,) as `keys`.
    """
    n, m = len(loop), len(ring)
    halfway = [(k + np.append(k[1:], k[0] + 1.0)) / 2 for k in (keys, ring_keys)]
    order = np.argsort(np.concatenate(halfway), kind="stable")
    on_loop = order < n
    i, j = _before(on_loop), _before(~on_loop)
    here, there = loop[i % n], ring[j % m]
    third = np.where(on_loop, loop[(i + 1) % n], ring[(j + 1) % m])
    return np.where(on_loop[:, None], np.stack([third, here, there], axis=1), np.stack([here, there, third], axis=1))


def fan(loop: np.ndarray, apex: int) -> np.ndarray:
    """Triangles (n, 3) from a loop (n,) of vertices to one more vertex."""
    return np.stack([np.roll(loop, -1), loop, np.full(len(loop), apex)], axis=1)


def zipper(path: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Triangles (n - 2, 3) between the two halves of a path along a border, which they leave as its straight chord.

    Args:
        path: (n,) vertices.
        keys: (n,) how far they lie along their half, 0 in the path's middle; each half's increase from there.
    """
    middle = int(np.argmin(keys))
    low, high = path[middle::-1], path[middle:]
    low_keys, high_keys = keys[middle::-1], keys[middle:]
    events = np.concatenate([(low_keys[:-1] + low_keys[1:]) / 2, (high_keys[:-1] + high_keys[1:]) / 2])
    order = np.argsort(events, kind="stable")
    on_low = order < len(low) - 1
    i, j = np.minimum(_before(on_low), len(low) - 1), np.minimum(_before(~on_low), len(high) - 1)
    onward = np.where(on_low, low[np.minimum(i + 1, len(low) - 1)], high[np.minimum(j + 1, len(high) - 1)])
    triangles = np.where(
        on_low[:, None],
        np.stack([low[i], onward, high[j]], axis=1),
        np.stack([onward, high[j], low[i]], axis=1),
    )
    # The first step leaves the vertex that both halves share, and so makes no triangle.
    return triangles[1:]


def distinct(triangles: np.ndarray) -> np.ndarray:
    """The triangles (F, 3) that have three different vertices."""
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (c != a)]


def _before(these: np.ndarray) -> np.ndarray:
    """How many of (n,) bool are true before each place."""
    return np.append(0, np.cumsum(these)[:-1])
