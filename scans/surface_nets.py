"""Surface nets (Gibson 1998): the zero level set of a scalar field on a voxel grid as triangles."""

import math

import numpy as np
from numba import njit


def surface_nets(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extract the zero level set of a scalar field, with one vertex in each cell of eight voxels that it crosses.

    Vertices are smoothed within their cells. A cell with an unknown (NaN) corner has no surface: the surface ends where
    the known part of the field ends.

    Args:
        field: (X, Y, Z) negative inside, positive outside, NaN where unknown; in any unit.

    Returns:
        vertices (V, 3) float64, in voxels from the first one; faces (F, 3) int32, counter-clockwise from outside. Some
        vertices at the surface's end may belong to no face.
    """
    vertices, quads = _nets(field)
    _relax(vertices, quads)
    return vertices, _split(vertices, quads)


@njit(cache=True, nogil=True)
def _nets(field):
    """Vertices in voxels, one for each cell that the surface crosses, and quads, counter-clockwise from outside."""
    nx, ny, nz = field.shape
    cell = np.full((nx - 1, ny - 1, nz - 1), -1, np.int32)
    crossed = 0
    for i in range(nx - 1):
        for j in range(ny - 1):
            inside, outside = _signs(field, i, j, 0)
            for k in range(nz - 1):
                inside_above, outside_above = _signs(field, i, j, k + 1)
                all_inside, all_outside = inside + inside_above, outside + outside_above
                if all_inside > 0 and all_outside > 0 and all_inside + all_outside == 8:
                    cell[i, j, k] = crossed
                    crossed += 1
                inside, outside = inside_above, outside_above
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
                    filled += _put(quads, filled, a, b, c, d, low)
                if low != (field[i, j + 1, k] < 0):
                    a, b, c, d = cell[i - 1, j, k - 1], cell[i - 1, j, k], n, cell[i, j, k - 1]
                    filled += _put(quads, filled, a, b, c, d, low)
                if low != (field[i, j, k + 1] < 0):
                    a, b, c, d = cell[i - 1, j - 1, k], cell[i, j - 1, k], n, cell[i - 1, j, k]
                    filled += _put(quads, filled, a, b, c, d, low)
    return vertices, quads[:filled]


@njit(cache=True, nogil=True)
def _signs(field, i, j, k):
    """How many of four voxels beside each other are inside, and outside; an unknown one is neither."""
    inside, outside = 0, 0
    for c in range(4):
        value = field[i + (c & 1), j + (c >> 1), k]
        inside += value < 0
        outside += value >= 0
    return inside, outside


@njit(cache=True, nogil=True)
def _put(quads, at, a, b, c, d, outward):
    """1 where the quad was written, 0 where one of its cells is unknown."""
    if min(a, b, c, d) < 0:
        return 0
    if outward:
        quads[at, 0], quads[at, 1], quads[at, 2], quads[at, 3] = a, b, c, d
    else:
        quads[at, 0], quads[at, 1], quads[at, 2], quads[at, 3] = d, c, b, a
    return 1


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _split(vertices, quads):
    """Two triangles from each quad, along its shorter diagonal."""
    faces = np.empty((2 * len(quads), 3), np.int32)
    for q in range(len(quads)):
        a, b, c, d = quads[q]
        if distance2(vertices, a, c) <= distance2(vertices, b, d):
            first, second = (a, b, c), (a, c, d)
        else:
            first, second = (a, b, d), (b, c, d)
        for corner in range(3):
            faces[2 * q, corner], faces[2 * q + 1, corner] = first[corner], second[corner]
    return faces


@njit(cache=True, nogil=True)
def distance2(vertices, a, b):
    """The squared distance between two vertices."""
    x, y, z = vertices[a, 0] - vertices[b, 0], vertices[a, 1] - vertices[b, 1], vertices[a, 2] - vertices[b, 2]
    return x * x + y * y + z * z
