"""From oriented points to a triangle surface."""

import numpy as np
from numba import njit
from scipy.sparse import coo_array

from scans.mesh_edit import face_components, keep_faces
from scans.surface_nets import surface_nets

REACH = 2.5  # voxels from the points within which the distance field is known


def surface_of(
    points: np.ndarray, normals: np.ndarray, voxel: float, *, trim: float, min_component_fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Surface reconstruction from oriented points; the surface is open where they end.

    The signed distance to the tangent planes of the nearest points (Hoppe et al. 1992), averaged over those that are
    about as near (implicit moving least squares with a kernel that follows the nearest point, so that the two sides of
    a thin edge stay apart), on a grid around the points, and its zero set by surface nets.

    Args:
        points: (N, 3) float32, closer to each other than a voxel.
        normals: (N, 3) float32, unit length, outward.
        voxel: edge of the grid's cells, in the points' unit; about the length of the result's edges.
        trim: voxels, at most 2; vertices farther than this from every point are removed as extrapolation.
        min_component_fraction: components with fewer faces than this fraction of the largest one's are removed.

    Returns:
        vertices (V, 3) float32; faces (F, 3) int32, counter-clockwise from outside. Without faces if the points make no
        surface.
    """
    low = points.min(axis=0) - 4 * voxel
    scaled = ((points - low) / voxel).astype(np.float64)
    shape = np.ceil(scaled.max(axis=0)).astype(np.int64) + 4
    nearest = _nearest_distances(scaled, shape)
    field = _signed_distances(scaled, normals.astype(np.float64), nearest)
    vertices, faces = surface_nets(field)
    faces = faces[_close(vertices, scaled, shape, trim)[faces].all(axis=1)]
    vertices, faces = keep_faces(vertices, faces, in_large_components(faces, len(vertices), min_component_fraction))
    return (vertices * voxel + low).astype(np.float32), faces


@njit(cache=True, nogil=True)
def _nearest_distances(points, shape):
    """(X, Y, Z) squared distance to the nearest point, in voxels; infinite beyond REACH."""
    nearest = np.full((shape[0], shape[1], shape[2]), np.inf, np.float32)
    reach = int(np.ceil(REACH))
    for n in range(len(points)):
        x, y, z = points[n]
        a, b, c = int(x + 0.5), int(y + 0.5), int(z + 0.5)
        for i in range(a - reach, a + reach + 1):
            for j in range(b - reach, b + reach + 1):
                for k in range(c - reach, c + reach + 1):
                    square = (x - i) ** 2 + (y - j) ** 2 + (z - k) ** 2
                    if square <= REACH * REACH and square < nearest[i, j, k]:
                        nearest[i, j, k] = square
    return nearest


@njit(cache=True, nogil=True)
def _signed_distances(points, normals, nearest):
    """(X, Y, Z) signed distance in voxels, NaN where unknown."""
    total = np.zeros(nearest.shape, np.float32)
    weight = np.zeros(nearest.shape, np.float32)
    roots = np.sqrt(nearest)
    # Squared distance up to which a point counts, made once for a voxel: most points that come by are farther.
    farthest = np.zeros(nearest.shape, np.float32)
    for i in range(nearest.shape[0]):
        for j in range(nearest.shape[1]):
            for k in range(nearest.shape[2]):
                if nearest[i, j, k] < np.inf:
                    farthest[i, j, k] = (roots[i, j, k] + np.float32(1)) ** 2
    reach = int(np.ceil(REACH))
    for n in range(len(points)):
        x, y, z = points[n]
        u, v, w = normals[n]
        a, b, c = int(x + 0.5), int(y + 0.5), int(z + 0.5)
        for i in range(a - reach, a + reach + 1):
            for j in range(b - reach, b + reach + 1):
                for k in range(c - reach, c + reach + 1):
                    square = (i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2
                    if square < farthest[i, j, k]:
                        near = (1.0 - (np.sqrt(square) - roots[i, j, k])) ** 2
                        total[i, j, k] += near * ((i - x) * u + (j - y) * v + (k - z) * w)
                        weight[i, j, k] += near
    for i in range(nearest.shape[0]):
        for j in range(nearest.shape[1]):
            for k in range(nearest.shape[2]):
                total[i, j, k] = total[i, j, k] / weight[i, j, k] if weight[i, j, k] > 0 else np.nan
    return total


@njit(cache=True, nogil=True)
def _close(vertices, points, shape, trim):
    """(V,) bool, whether a point lies within `trim` voxels of each vertex; points are hashed by cell."""
    head = np.full((shape[0], shape[1], shape[2]), -1, np.int32)
    following = np.full(len(points), -1, np.int32)
    for n in range(len(points)):
        i, j, k = int(points[n, 0]), int(points[n, 1]), int(points[n, 2])
        following[n] = head[i, j, k]
        head[i, j, k] = n
    close = np.zeros(len(vertices), np.bool_)
    for v in range(len(vertices)):
        x, y, z = vertices[v]
        a, b, c = int(x), int(y), int(z)
        for i in range(max(a - 2, 0), min(a + 3, shape[0])):
            for j in range(max(b - 2, 0), min(b + 3, shape[1])):
                for k in range(max(c - 2, 0), min(c + 3, shape[2])):
                    n = head[i, j, k]
                    while n >= 0 and not close[v]:
                        square = (points[n, 0] - x) ** 2 + (points[n, 1] - y) ** 2 + (points[n, 2] - z) ** 2
                        close[v] = square <= trim * trim
                        n = following[n]
    return close


def smoothed(values: np.ndarray, faces: np.ndarray, rounds: int) -> np.ndarray:
    """Values (V,) of vertices, each averaged with those of its neighbours, so many times; float64."""
    tails, heads = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    ends = np.concatenate([tails, heads]), np.concatenate([heads, tails])
    neighbours = coo_array((np.ones(len(ends[0])), ends), shape=(len(values), len(values))).tocsr()
    neighbours.data[:] = 1  # an edge of two faces stands there twice
    counts = neighbours.sum(axis=1) + 1
    values = values.astype(np.float64)
    for _ in range(rounds):
        values = (neighbours @ values + values) / counts
    return values


def in_large_components(faces: np.ndarray, vertex_count: int, min_component_fraction: float) -> np.ndarray:
    """(F,) bool: which faces (F, 3) belong to a component of at least this fraction of the largest one's faces."""
    if not len(faces):
        return np.zeros(0, bool)
    piece = face_components(faces, vertex_count)
    counts = np.bincount(piece)
    return counts[piece] >= min_component_fraction * counts.max()
