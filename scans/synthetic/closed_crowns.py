"""Crowns alone, without gingiva, each closed below: as planning software cuts them out of a scan."""

import numpy as np
from numba import njit

from scans.surface_nets import surface_nets
from scans.synthetic.field import gum_margin, smooth_max, solid_distance, tooth_distance
from scans.synthetic.tables import Crowns
from scans.vectors import dot

BELOW = 0.4  # mm under the gum margin where the crowns are cut
ROUND = 0.5  # mm over which the cut's edge is rounded


def closed_crowns(crowns: Crowns, voxel: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The closed surface of each crown.

    Neighbours are surfaces of their own, as they are where crowns were cut apart: they may pass through one another.

    Args:
        crowns: the teeth.
        voxel: mm of the grid from which each surface is extracted.

    Returns:
        vertices (V, 3) float64 mm in the jaw; faces (F, 3) int32, outward; (V,) the crown of each vertex.
    """
    vertices, faces, owner, count = [], [], [], 0
    for i in range(len(crowns.size)):
        half = crowns.size[i] / 2 + 2.0
        low = np.array([-half[0], -half[1], min(crowns.gum[i, 3], 0.0) - BELOW - 1.0])
        high = np.array([half[0], half[1], crowns.size[i, 2] + 1.5])
        nx, ny, nz = (int(n) for n in np.ceil((high - low) / voxel) + 1)
        field = np.empty((nx, ny, nz), np.float32)
        _fill(crowns, i, low, voxel, field)
        own, triangles = surface_nets(field)
        own = own * voxel + low
        _onto_surface(crowns, i, own, 0.5 * voxel)
        vertices.append(dot(own[:, None], crowns.axes[i].T) + crowns.origin[i])
        # The frames of one side of the jaw are left-handed, and turn what they hold inside out.
        right_handed = dot(np.cross(crowns.axes[i, 0], crowns.axes[i, 1]), crowns.axes[i, 2]) > 0
        faces.append((triangles if right_handed else triangles[:, ::-1]) + np.int32(count))
        owner.append(np.full(len(own), i))
        count += len(own)
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(owner)


@njit(cache=True, _nrt=False)
def closed_distance(crowns: Crowns, i: int, u: float, v: float, w: float) -> float:
    """Distance to a crown that ends under the gum margin, in its own frame; measured ones are closed already."""
    if crowns.measured[i] >= 0:
        return solid_distance(crowns, crowns.measured[i], u, v, w)
    crown = tooth_distance(crowns, i, u, v, w)[1]
    return smooth_max(crown, gum_margin(crowns, i, u, v) - BELOW - w, ROUND)


@njit(cache=True, _nrt=False)
def _fill(crowns, i, low, voxel, field):
    for a, b, c in np.ndindex(field.shape):
        field[a, b, c] = closed_distance(crowns, i, low[0] + a * voxel, low[1] + b * voxel, low[2] + c * voxel)


@njit(cache=True, _nrt=False)
def _onto_surface(crowns, i, points, reach):
    """Move points (n, 3) onto the surface by two Newton steps, each at most `reach` mm along each axis."""
    h = 0.02
    for n in range(len(points)):
        for _ in range(2):
            u, v, w = points[n, 0], points[n, 1], points[n, 2]
            d = closed_distance(crowns, i, u, v, w)
            du = (closed_distance(crowns, i, u + h, v, w) - d) / h
            dv = (closed_distance(crowns, i, u, v + h, w) - d) / h
            dw = (closed_distance(crowns, i, u, v, w + h) - d) / h
            step = d / max(du * du + dv * dv + dw * dw, 0.1)
            points[n, 0] = u - min(max(step * du, -reach), reach)
            points[n, 1] = v - min(max(step * dv, -reach), reach)
            points[n, 2] = w - min(max(step * dw, -reach), reach)
