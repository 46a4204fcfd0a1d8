"""Caps that close the border loops of oriented manifolds, and where a loop crosses itself."""

import math

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from scans.mesh import Mesh
from scans.mesh_edit import majority
from scans.mesh_files.polygons import clip_ears
from scans.modelling.manifold import half_edges
from scans.modelling.parts import extended

MOST_CORNERS = 300  # of a loop that is closed by the least area, which takes their cube: a third of a second
SHORT = 1e-4  # of a cut's squared length, added to the area: of equal areas the one with short cuts is taken


def capped(mesh: Mesh, loop: np.ndarray) -> Mesh:
    """A manifold with one of its border loops (see `scans.borders`) closed.

    A level loop, such as that of a base, is closed by ears; all others by the triangles of least area (Barequet &
    Sharir 1995), up to MOST_CORNERS. Where that would make an edge of the mesh a second time, or leaves a corner out,
    the other way is tried, and at last a fan around a new vertex in the loop's middle.
    """
    ring = loop[::-1]
    places = mesh.vertices[ring]
    ways = [_ears, _least_area] if np.ptp(places[:, 2]) == 0 else [_least_area, _ears]
    joined = _joined_already(mesh.faces, ring, len(mesh.vertices))
    for way in ways:
        cap = way(places, joined)
        if len(cap) == len(ring) - 2 and _closes(ring[cap], mesh.faces, loop, len(mesh.vertices)):
            return extended(mesh, np.zeros((0, 3)), ring[cap])
    fan = np.stack([ring, np.roll(ring, -1), np.full(len(ring), len(mesh.vertices))], axis=1)
    labels = mesh.labels if mesh.labels is None else majority(np.zeros(len(ring), int), mesh.labels[ring], 1)
    return extended(mesh, places.mean(axis=0)[None], fan, labels)


def _closes(cap: np.ndarray, faces: np.ndarray, loop: np.ndarray, vertex_count: int) -> bool:
    """Whether a cap and the faces around it are a manifold without border at the loop."""
    near = faces[np.isin(faces, loop).any(axis=1)]
    tail, head = half_edges(np.concatenate([near, cap]))
    there, back = tail * vertex_count + head, head * vertex_count + tail
    return len(np.unique(there)) == len(there) and bool(np.isin(back[3 * len(near) :], there).all())


def _joined_already(faces: np.ndarray, ring: np.ndarray, vertex_count: int) -> np.ndarray:
    """(N, N) bool, whether an edge of the mesh joins two corners of the ring."""
    place = np.full(vertex_count, -1)
    place[ring] = np.arange(len(ring))
    tail, head = half_edges(place[faces])
    there = (tail >= 0) & (head >= 0)
    joined = np.zeros((len(ring), len(ring)), bool)
    joined[tail[there], head[there]] = joined[head[there], tail[there]] = True
    return joined


def _ears(ring: np.ndarray, _joined: np.ndarray) -> np.ndarray:
    """Triangles of a ring (N, 3) in its plane, without the corners that lie on a straight line."""
    middle = ring.mean(axis=0)
    return clip_ears(ring, np.cross(ring - middle, np.roll(ring, -1, axis=0) - middle).sum(axis=0))


def _least_area(ring: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Triangles (N − 2, 3) of a ring (N, 3) with the least area and no cut along `joined` (N, N); else none."""
    return _least(ring, joined) if len(ring) <= MOST_CORNERS else np.zeros((0, 3), int)


@njit(cache=True, nogil=True)
def _least(ring, joined):
    n = len(ring)
    weight = np.full((n, n), np.inf)
    through = np.full((n, n), -1)
    for i in range(n - 1):
        weight[i, i + 1] = 0.0
    for width in range(2, n):
        for i in range(n - width):
            k = i + width
            if joined[i, k] and width < n - 1:
                continue
            a = ring[k] - ring[i]
            cut = SHORT * (a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
            for j in range(i + 1, k):
                b = ring[j] - ring[i]
                x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
                total = weight[i, j] + weight[j, k] + cut + math.sqrt(x * x + y * y + z * z)
                if total < weight[i, k]:
                    weight[i, k], through[i, k] = total, j
    triangles = np.empty((n - 2, 3), np.int64)
    found = 0
    pending = [(0, n - 1)]
    while len(pending) > 0:
        i, k = pending.pop()
        if k - i < 2:
            continue
        j = through[i, k]
        if j < 0:
            return triangles[:0]
        triangles[found, 0], triangles[found, 1], triangles[found, 2] = i, j, k
        found += 1
        pending.append((i, j))
        pending.append((j, k))
    return triangles


def crossings(ring: np.ndarray) -> np.ndarray:
    """Where a closed polygon (N, 2) crosses or touches itself: the corners (M,) of the edges that do."""
    ahead = np.roll(ring, -1, axis=0)
    reach = float(np.linalg.norm(ahead - ring, axis=1).max())
    one, other = cKDTree((ring + ahead) / 2).query_pairs(reach, output_type="ndarray").T
    apart = (other - one > 1) & (other - one < len(ring) - 1)  # neighbours share a corner
    one, other = one[apart], other[apart]

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])

    a, b, c, d = ring[one], ahead[one], ring[other], ahead[other]
    near = (np.maximum(a, b) >= np.minimum(c, d)).all(axis=1) & (np.maximum(c, d) >= np.minimum(a, b)).all(axis=1)
    crossed = near & (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)
    edges = np.unique(np.concatenate([one[crossed], other[crossed]]))
    return np.unique(np.concatenate([edges, (edges + 1) % len(ring)]))
