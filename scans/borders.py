"""Borders of triangle surfaces as closed loops.

A loop runs in the direction of its faces, so that the surface lies to its left seen from outside.
"""

import numpy as np
from numba import njit

from scans.mesh_edit import corners_by_vertex, face_components


def border_loops(faces: np.ndarray, vertex_count: int) -> list[np.ndarray]:
    """The closed loops of the border of a sound surface (see `sound`), each an array of vertices; the longest first.

    Raises:
        ValueError: the surface is not sound.
    """
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
        if at < 0 or len(loop) == len(following):  # on another loop, which goes around for ever
            raise ValueError("a border does not close: the surface is not sound")
        loop.append(at)
        at = following[at]
    return np.array(loop)
