"""Smooth vertex normals."""

import math

import numpy as np
from numba import njit

from scans.elementary import atan2


@njit(cache=True)
def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals of the vertices: means of the normals of their faces, weighted by the angle of the face's corner.

    The weighting of Thürmer and Wüthrich (Computing Vertex Normals from Polygonal Facets, 1998), as in trimesh. Faces
    without area do not count.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3) int32, valid indices into `vertices`.

    Returns:
        (V, 3) float64; zero where a vertex has no face with an area, or where its faces cancel out.
    """
    normals = np.zeros_like(vertices)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        bx, by, bz = vertices[j, 0], vertices[j, 1], vertices[j, 2]
        cx, cy, cz = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        ux, uy, uz = bx - ax, by - ay, bz - az
        vx, vy, vz = cx - ax, cy - ay, cz - az
        wx, wy, wz = cx - bx, cy - by, cz - bz
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        doubled_area = math.sqrt(nx * nx + ny * ny + nz * nz)
        if not doubled_area > 0.0:
            continue
        # |u x v| is the sine of every corner's angle times the lengths of its two sides.
        at_i = atan2(doubled_area, ux * vx + uy * vy + uz * vz)
        at_j = atan2(doubled_area, -(ux * wx + uy * wy + uz * wz))
        nx, ny, nz = nx / doubled_area, ny / doubled_area, nz / doubled_area
        for corner, angle in ((i, at_i), (j, at_j), (k, math.pi - at_i - at_j)):
            normals[corner, 0] += angle * nx
            normals[corner, 1] += angle * ny
            normals[corner, 2] += angle * nz
    for i in range(len(normals)):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        length = math.sqrt(x * x + y * y + z * z)
        if length > 0.0:
            normals[i, 0], normals[i, 1], normals[i, 2] = x / length, y / length, z / length
    return normals
