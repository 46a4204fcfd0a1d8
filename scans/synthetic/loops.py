"""Borders of triangle surfaces as closed loops, and strips and fans that close them.

A loop runs in the direction of its faces, so that the surface lies to its left seen from outside. What closes it runs
through the same edges the other way, and a strip's far side is a loop again. Strips and fans are topologically sound
wherever the vertices lie.
"""

import numpy as np
from numba import njit

from scans.mesh_edit import corners_by_vertex, face_components


def border_loops(faces: np.ndarray, vertex_count: int) -> list[np.ndarray]:
    """The closed loops of the border of a sound surface (see `sound`), each an array of vertices; the longest first."""
    following, _ = _border(faces, vertex_count)
    loops = []
    seen = np.zeros(vertex_count, bool)
    for start in np.flatnonzero(following >= 0).tolist():
        if seen[start]:
            continue
        loop = _walk(following, start)
        seen[loop] = True
        loops.append(loop)
    return sorted(loops, key=len, reverse=True)


def sound(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """The faces (G, 3) of the largest part without edges of three faces and vertices where two borders meet."""
    while True:
        piece = face_components(faces, vertex_count)
        faces = faces[piece == np.bincount(piece).argmax()]
        _, broken = _border(faces, vertex_count)
        if not broken.any():
            return faces
        faces = faces[~broken[faces].any(axis=1)]


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


@njit(cache=True)
def _border(faces, vertex_count):
    """The vertex (V,) that follows each on the border, -1 off it, and whether edges of it are more than a border's."""
    start, corners = corners_by_vertex(faces, vertex_count)
    heads = np.empty(len(corners), np.int32)
    for p in range(len(corners)):
        heads[p] = faces[corners[p] // 3, (corners[p] + 1) % 3]
    following = np.full(vertex_count, -1, np.int64)
    broken = np.zeros(vertex_count, np.bool_)
    for a in range(vertex_count):
        for p in range(start[a], start[a + 1]):
            b = heads[p]
            for q in range(start[a], p):
                if heads[q] == b:
                    broken[a] = True
            back = False
            for q in range(start[b], start[b + 1]):
                back |= heads[q] == a
            if not back:
                if following[a] >= 0:
                    broken[a] = True
                following[a] = b
    return following, broken


@njit(cache=True)
def _walk(following, start):
    """The loop (n,) from a vertex of the border."""
    loop = [start]
    at = following[start]
    while at != start:
        loop.append(at)
        at = following[at]
    return np.array(loop)
