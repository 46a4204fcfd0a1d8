"""Fewer triangles on flats: vertices there move onto a neighbour (edge collapse), as scanners' meshes are made."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from scans.elementary import cos
from scans.mesh_edit import corners_by_vertex
from scans.surface_nets import distance2

PASSES = (0, 6)  # each takes up to a fourth of a flat's vertices; ours: Teeth3DS has 16,000 to 260,000 vertices
FLAT = (4.0, 20.0)  # degrees that the faces round a vertex may differ from their mean
LONGEST = (0.7, 3.5)  # mm, edges made


@dataclass(frozen=True, slots=True)
class Flats:
    """How coarse a scan's flats are.

    Attributes:
        passes: over all vertices.
        cosine: of the angle that the faces round a vertex on a flat may differ from their mean.
        longest: edges made, mm.
    """

    passes: int
    cosine: float
    longest: float


def draw_flats(rng: np.random.Generator) -> Flats:
    """How coarse this scan's flats are."""
    return Flats(int(rng.integers(*PASSES)), float(cos(math.radians(rng.uniform(*FLAT)))), rng.uniform(*LONGEST))


def thinned(vertices: np.ndarray, faces: np.ndarray, flats: Flats) -> np.ndarray:
    """The faces (G, 3) that remain of (F, 3) where flats lose vertices; borders and what is connected stay."""
    for _ in range(flats.passes):
        faces = _collapse(vertices, faces.copy(), flats.cosine, flats.longest)
    return faces


@njit(cache=True)
def _collapse(vertices, faces, flat, longest):
    """One pass over all vertices: the faces that are left. No vertex is moved, and no two neighbours go."""
    count = len(vertices)
    start, corners = corners_by_vertex(faces, count)
    around = corners // 3
    normal = np.empty((len(faces), 3))
    for f in range(len(faces)):
        normal[f, 0], normal[f, 1], normal[f, 2] = _normal(vertices, faces[f, 0], faces[f, 1], faces[f, 2])
    touched = np.zeros(count, np.bool_)
    mark = np.full(count, -1, np.int64)
    ring = np.empty(64, np.int64)
    for v in range(count):
        degree = start[v + 1] - start[v]
        if touched[v] or degree < 3 or degree > 60:
            continue
        # The ring in no order; inside a surface each of its vertices follows v in one face and precedes it in another.
        size = 0
        usable = True
        mx, my, mz = 0.0, 0.0, 0.0
        for p in range(start[v], start[v + 1]):
            f = around[p]
            mx, my, mz = mx + normal[f, 0], my + normal[f, 1], mz + normal[f, 2]
            for e in range(3):
                w = faces[f, e]
                if w == v:
                    w = faces[f, (e + 1) % 3]
                    usable &= mark[w] != v
                    mark[w] = v
                    ring[size] = w
                    size += 1
                    usable &= not touched[w]
        for p in range(start[v], start[v + 1]):
            f = around[p]
            for e in range(3):
                if faces[f, e] == v:
                    usable &= mark[faces[f, (e + 2) % 3]] == v
        if not usable:
            continue
        length = math.sqrt(mx * mx + my * my + mz * mz)
        if length < 1e-12:
            continue
        mx, my, mz = mx / length, my / length, mz / length
        for p in range(start[v], start[v + 1]):
            x, y, z = normal[around[p], 0], normal[around[p], 1], normal[around[p], 2]
            usable &= x * mx + y * my + z * mz > flat * math.sqrt(x * x + y * y + z * z)
        if not usable:
            continue
        best, nearest = -1, longest * longest
        for r in range(size):
            u = ring[r]
            d = distance2(vertices, u, v)
            if d < nearest and _allowed(vertices, faces, start, around, mark, v, u, (mx, my, mz), longest):
                best, nearest = u, d
        if best < 0:
            continue
        for p in range(start[v], start[v + 1]):
            f = around[p]
            gone = faces[f, 0] == best or faces[f, 1] == best or faces[f, 2] == best
            for e in range(3):
                touched[faces[f, e]] = True
                if faces[f, e] == v:
                    faces[f, e] = best
            if gone:
                faces[f, 0] = -1
    return faces[faces[:, 0] >= 0]


@njit(cache=True)
def _allowed(vertices, faces, start, around, mark, v, u, mean, longest):
    """Whether v may move onto u: the surface stays one, no face turns over, no edge becomes too long."""
    shared = 0
    for p in range(start[u], start[u + 1]):
        f = around[p]
        for e in range(3):
            if faces[f, e] == u:
                w, x = faces[f, (e + 1) % 3], faces[f, (e + 2) % 3]
                shared += mark[w] == v and w != v
                if mark[x] == v and x != v:
                    shared += 1
    if shared != 4:  # two neighbours in common, each in two faces of u: then u lies on no border either
        return False
    for p in range(start[v], start[v + 1]):
        f = around[p]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if a == u or b == u or c == u:
            continue
        a, b, c = (u if a == v else a), (u if b == v else b), (u if c == v else c)
        x, y, z = _normal(vertices, a, b, c)
        size = math.sqrt(x * x + y * y + z * z)
        if x * mean[0] + y * mean[1] + z * mean[2] < 0.7 * size or size < 1e-4:
            return False
        for w in (a, b, c):
            if w != u and distance2(vertices, u, w) > longest * longest:
                return False
    return True


@njit(cache=True)
def _normal(vertices, a, b, c):
    """The normal of a triangle, as long as twice its area."""
    px, py, pz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
    qx, qy, qz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
    return py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
