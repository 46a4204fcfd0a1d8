"""The open border of a surface, and a strip that continues the surface beyond it."""

import numpy as np

from scans.vectors import unit


def border_edges(faces: np.ndarray) -> np.ndarray:
    """The edges that only one face has.

    Args:
        faces: (F, 3) int.

    Returns:
        (E, 3) int64: tail and head in the direction of the face, and the face.
    """
    tails, heads = faces.ravel().astype(np.int64), faces[:, [1, 2, 0]].ravel().astype(np.int64)
    vertex_count = int(faces.max(initial=0)) + 1
    key = np.minimum(tails, heads) * vertex_count + np.maximum(tails, heads)
    ordered = np.sort(key)
    differs = np.diff(ordered, prepend=-1, append=-1) != 0
    single = ordered[differs[:-1] & differs[1:]]
    on_border = np.zeros(vertex_count, bool)
    on_border[single // vertex_count] = on_border[single % vertex_count] = True
    near = np.flatnonzero(on_border[tails] & on_border[heads])  # few: to look up all edges would take longer
    found = near[np.isin(key[near], single)]
    return np.stack([tails[found], heads[found], found // 3], axis=1)


def continued(vertices: np.ndarray, faces: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The surface, continued beyond its open border by a strip in the planes of the faces there.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3) int32.
        width: of the strip, in the vertices' unit.

    Returns:
        the vertices and faces with the strip's behind them.
    """
    tails, heads, face = border_edges(faces).T
    if len(face) == 0:
        return vertices, faces
    a, b, c = (vertices[faces[face, k]] for k in range(3))
    outward = unit(np.cross(vertices[heads] - vertices[tails], np.cross(b - a, c - a)))
    inner, number = np.unique(np.concatenate([tails, heads]), return_inverse=True)
    sums = [np.bincount(number, np.tile(outward[:, axis], 2), len(inner)) for axis in range(3)]
    outer = vertices[inner] + width * unit(np.stack(sums, axis=1))
    beyond_tails, beyond_heads = len(vertices) + number.reshape(2, -1)
    strip = [np.stack([heads, tails, beyond_tails], axis=1), np.stack([heads, beyond_tails, beyond_heads], axis=1)]
    return np.concatenate([vertices, outer]), np.concatenate([faces, *strip]).astype(faces.dtype)
