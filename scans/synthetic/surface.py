"""From the solid to a triangle surface: surface nets on a voxel grid, and the part of it that a scan holds."""

import math

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scans.synthetic.field import probe, voxels
from scans.synthetic.tables import Crowns, Gums


def surface(
    crowns: Crowns, gums: Gums, corner: np.ndarray, shape: tuple[int, int, int], voxel: float
) -> tuple[np.ndarray, np.ndarray]:
    """The surface of the jaw, but for up to half a voxel.

    Args:
        crowns: the teeth.
        gums: everything else.
        corner: (3,) mm, the first voxel; the solid must lie within the grid.
        shape: voxels along x, y and z.
        voxel: mm.

    Returns:
        vertices (V, 3) float64 mm; faces (F, 3) int32, outward.
    """
    field = voxels(crowns, gums, corner, shape, voxel)
    vertices, quads = _surface_nets(field)
    _relax(vertices, quads)
    return vertices * voxel + corner, _split(vertices, quads)


def project(crowns: Crowns, gums: Gums, vertices: np.ndarray, reach: float) -> np.ndarray:
    """Vertices moved onto the true surface by two steps of Newton's, at most `reach` mm along each axis."""
    h = 0.02
    distance = probe(crowns, gums, vertices)[0]
    beside = [probe(crowns, gums, vertices + h * axis)[0] for axis in np.eye(3)]
    slope = (np.stack(beside, axis=1) - distance[:, None]) / h
    square = np.maximum((slope**2).sum(axis=1), 0.1)
    step = distance / square
    step += probe(crowns, gums, vertices - step[:, None] * slope)[0] / square
    return vertices - np.clip(step[:, None] * slope, -reach, reach)


def keep(vertices: np.ndarray, faces: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected piece of the faces whose vertices are all kept.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        kept: (V,) bool.

    Returns:
        vertices (W, 3); faces (G, 3) int32.
    """
    faces = faces[kept[faces].all(axis=1)]
    n = len(vertices)
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    piece = connected_components(graph, directed=False)[1]
    largest = np.bincount(piece[faces[:, 0]]).argmax()
    faces = faces[piece[faces[:, 0]] == largest]
    used = np.zeros(n, bool)
    used[faces] = True
    index = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used], index[faces]


@njit(cache=True)
def _surface_nets(field):
    """Vertices in voxels, one for each cell that the surface crosses, and quads, counter-clockwise from outside."""
    nx, ny, nz = field.shape
    cell = np.full((nx - 1, ny - 1, nz - 1), -1, np.int32)
    crossed = 0
    for i in range(nx - 1):
        for j in range(ny - 1):
            for k in range(nz - 1):
                inside = 0
                for c in range(8):
                    inside += field[i + (c & 1), j + (c >> 1 & 1), k + (c >> 2)] < 0
                if 0 < inside < 8:
                    cell[i, j, k] = crossed
                    crossed += 1
    vertices = np.empty((crossed, 3))
    quads = np.empty((3 * crossed, 4), np.int32)
    filled = 0
    for i in range(nx - 1):
        for j in range(ny - 1):
            for k in range(nz - 1):
                n = cell[i, j, k]
                if n < 0:
                    continue
                sx, sy, sz, cuts = 0.0, 0.0, 0.0, 0
                for c in range(8):
                    a = field[i + (c & 1), j + (c >> 1 & 1), k + (c >> 2)]
                    for axis in range(3):
                        if c >> axis & 1:
                            continue
                        d = c | 1 << axis
                        b = field[i + (d & 1), j + (d >> 1 & 1), k + (d >> 2)]
                        if (a < 0) != (b < 0):
                            t = a / (a - b)
                            sx += (c & 1) + (t if axis == 0 else 0.0)
                            sy += (c >> 1 & 1) + (t if axis == 1 else 0.0)
                            sz += (c >> 2) + (t if axis == 2 else 0.0)
                            cuts += 1
                vertices[n, 0], vertices[n, 1], vertices[n, 2] = i + sx / cuts, j + sy / cuts, k + sz / cuts
                if i == 0 or j == 0 or k == 0:
                    continue
                # The three grid edges that leave this cell's lowest corner each carry a quad if the surface cuts them.
                low = field[i, j, k] < 0
                if low != (field[i + 1, j, k] < 0):
                    a, b, c, d = cell[i, j - 1, k - 1], cell[i, j, k - 1], n, cell[i, j - 1, k]
                    _put(quads, filled, a, b, c, d, low)
                    filled += 1
                if low != (field[i, j + 1, k] < 0):
                    a, b, c, d = cell[i - 1, j, k - 1], cell[i - 1, j, k], n, cell[i, j, k - 1]
                    _put(quads, filled, a, b, c, d, low)
                    filled += 1
                if low != (field[i, j, k + 1] < 0):
                    a, b, c, d = cell[i - 1, j - 1, k], cell[i, j - 1, k], n, cell[i - 1, j, k]
                    _put(quads, filled, a, b, c, d, low)
                    filled += 1
    return vertices, quads[:filled]


@njit(cache=True)
def _put(quads, at, a, b, c, d, outward):
    if outward:
        quads[at, 0], quads[at, 1], quads[at, 2], quads[at, 3] = a, b, c, d
    else:
        quads[at, 0], quads[at, 1], quads[at, 2], quads[at, 3] = d, c, b, a


@njit(cache=True)
def _relax(vertices, quads):
    """Move each vertex halfway to the middle of its neighbours, within its cell: evens out what lies too close."""
    total = np.zeros(vertices.shape)
    count = np.zeros(len(vertices))
    for q in range(len(quads)):
        for e in range(4):
            a, b = quads[q, e], quads[q, (e + 1) % 4]
            count[a] += 1
            for axis in range(3):
                total[a, axis] += vertices[b, axis]
    for n in range(len(vertices)):
        for axis in range(3):
            low = math.floor(vertices[n, axis])
            moved = 0.4 * vertices[n, axis] + 0.6 * total[n, axis] / max(count[n], 1.0)
            vertices[n, axis] = min(max(moved, low + 0.02), low + 0.98)


@njit(cache=True)
def _split(vertices, quads):
    """Two triangles from each quad, along its shorter diagonal."""
    faces = np.empty((2 * len(quads), 3), np.int32)
    for q in range(len(quads)):
        a, b, c, d = quads[q]
        if ((vertices[a] - vertices[c]) ** 2).sum() <= ((vertices[b] - vertices[d]) ** 2).sum():
            faces[2 * q], faces[2 * q + 1] = (a, b, c), (a, c, d)
        else:
            faces[2 * q], faces[2 * q + 1] = (a, b, d), (b, c, d)
    return faces
