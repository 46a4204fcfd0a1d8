"""Point clouds sampled from a mesh, with normals and labels."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numba import njit

from scans.errors import ScanError, UserError
from scans.mesh import GINGIVA, Mesh
from scans.sampling.border import continued
from scans.sampling.farthest_points import choose_farthest
from scans.sampling.poisson_disk import FIRST_SPACING, lattice_spacing, throw_darts
from scans.vectors import dot, ordered_sum

Method = Literal["poisson_disk", "stratified", "uniform", "fps"]
CANDIDATES_PER_POINT = 5  # of the methods that choose among candidates


@dataclass(frozen=True, slots=True)
class SurfaceSamples:
    """A point cloud on a surface.

    Attributes:
        points: (N, 3) float64, in the mesh's units and frame.
        normals: (N, 3) float32, unit length, of the face that the point lies on: the surface's own, where normals
            interpolated from vertices would lean on the scanner's triangulation and on unreliable winding at seams.
        labels: (N,) uint8, FDI number of the nearest corner of that face; 0 where the mesh has no labels.
    """

    points: np.ndarray
    normals: np.ndarray
    labels: np.ndarray


@njit(cache=True, nogil=True)
def face_areas(vertices, faces):
    """The area (F,) of each face."""
    areas = np.empty(len(faces))
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x, y, z = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        x1, y1, z1 = vertices[b, 0] - x, vertices[b, 1] - y, vertices[b, 2] - z
        x2, y2, z2 = vertices[c, 0] - x, vertices[c, 1] - y, vertices[c, 2] - z
        nx, ny, nz = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
        areas[f] = 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
    return areas


@njit(cache=True, nogil=True)
def place(vertices, faces, chosen, first, second):
    """The point (N, 3) in each chosen face that two uniform numbers give, evenly over its area."""
    points = np.empty((len(chosen), 3))
    for k in range(len(chosen)):
        f = chosen[k]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        root = np.sqrt(first[k])
        for axis in range(3):
            points[k, axis] = (
                (1 - root) * vertices[a, axis]
                + root * (1 - second[k]) * vertices[b, axis]
                + root * second[k] * vertices[c, axis]
            )
    return points


@njit(cache=True, nogil=True)
def unit_normals(vertices, faces, chosen):
    """The unit normal (N, 3) of each chosen face, which has an area."""
    normals = np.empty((len(chosen), 3))
    for k in range(len(chosen)):
        a, b, c = faces[chosen[k], 0], faces[chosen[k], 1], faces[chosen[k], 2]
        x1, x2 = vertices[b, 0] - vertices[a, 0], vertices[c, 0] - vertices[a, 0]
        y1, y2 = vertices[b, 1] - vertices[a, 1], vertices[c, 1] - vertices[a, 1]
        z1, z2 = vertices[b, 2] - vertices[a, 2], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        normals[k, 0], normals[k, 1], normals[k, 2] = nx / length, ny / length, nz / length
    return normals


def sample_surface(mesh: Mesh, count: int, rng: np.random.Generator, method: Method = "poisson_disk") -> SurfaceSamples:
    """Sample exactly `count` points from a mesh, uniformly by area.

    `uniform` draws them independently. `stratified` draws one from each of N strata of equal area, cut in face order,
    and keeps that order. `poisson_disk` and `fps` choose among five such candidates for each point: `poisson_disk`
    those that keep their distance, in random order (blue noise, see `scans.sampling.poisson_disk`), `fps` always the
    farthest from those before it (farthest point sampling, as in arXiv 2606.07907; see
    `scans.sampling.farthest_points`). The candidates lie on the surface, not at the mesh's vertices, so that neither
    their number nor the scanner's triangulation matters.
    `poisson_disk` is as dense at open borders and creases as elsewhere, `fps` is not: it favours borders and neglects
    what lies beside them and beside creases.

    Args:
        mesh: clean (see `scans.preparing.cleaning`).
        count: N > 0; may exceed the number of vertices.
        rng: all random numbers come from it.
        method: "poisson_disk", "stratified", "uniform" or "fps".

    Raises:
        UserError: count is not positive, or the method is unknown.
        ScanError: the surface has no area, or coordinates that are not finite.
    """
    if count < 1:
        raise UserError(f"the number of points must be at least 1, found {count}")
    if method not in get_args(Method):
        raise UserError(f"unknown sampling method {method!r}. Use one of {', '.join(get_args(Method))}")
    vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float64)
    faces = np.ascontiguousarray(mesh.faces)
    areas = face_areas(vertices, faces)
    area = float(ordered_sum(areas))
    if not 0 < area < np.inf:
        raise ScanError(f"a mesh of {len(faces)} faces has area {area}, so that no point can be drawn. Clean it first")
    own = len(faces)
    n = CANDIDATES_PER_POINT * count if method in ("poisson_disk", "fps") else count
    if method == "poisson_disk":
        vertices, faces = continued(vertices, faces, FIRST_SPACING * lattice_spacing(area, count))
        areas = np.concatenate([areas, face_areas(vertices, faces[own:])])
    cumulative = np.cumsum(areas)
    if method == "poisson_disk":
        n = int(np.ceil(n * cumulative[-1] / area))  # as many as before on the surface itself
    ticks = rng.random(n) if method == "uniform" else (np.arange(n) + rng.random(n)) / n
    # Faces without area are never hit: the search ends behind them, and the last one with area takes a tick of 1.
    face = np.searchsorted(cumulative, ticks * cumulative[-1], side="right")
    face = np.minimum(face, np.flatnonzero(areas)[-1])
    if method == "poisson_disk":
        face = rng.permutation(face)
    points = place(vertices, faces, face, rng.random(n), rng.random(n))
    if method == "poisson_disk":
        kept = throw_darts(points, unit_normals(vertices, faces, face), face < own, count, area)
        points, face = points[kept], face[kept]
    elif method == "fps":
        kept = choose_farthest(points, count, int(rng.integers(n)))
        points, face = points[kept], face[kept]

    corners = vertices[faces[face]]  # (N, 3, 3)
    normals = unit_normals(vertices, faces, face)
    if mesh.labels is None:
        labels = np.full(count, GINGIVA, np.uint8)
    else:
        offsets = corners - points[:, None]
        distance2 = dot(offsets, offsets)  # (N, 3)
        labels = mesh.labels[faces[face, distance2.argmin(axis=1)]]
    return SurfaceSamples(points, normals.astype(np.float32), labels)
