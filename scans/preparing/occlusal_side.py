"""Which side of a scan the crowns are on: the planes that it can rest on, and what its sides look like."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from scans.elementary import cos, log, sin
from scans.mesh import Mesh
from scans.preparing.relief import View, look, view_axes
from scans.sampling.border import border_edges
from scans.vectors import dot, norm, ordered_mean, ordered_sum, unit

SAMPLES = 30_000  # points on the surface
LEAST_SILHOUETTE = 0.7  # of the largest one; the occlusal one isn't much smaller even in tall casts

# Weights of evidence, in logarithms of odds.
DETAIL, FLAT, BORDER = 8.0, 6.0, 1 / 0.06
USUAL_DETAIL = 0.55  # change of the unit normal over 2 mm on crowns; 0.0 to 0.35 elsewhere
FLAT_FROM, FLAT_TO = 0.7, 0.9  # even share of the silhouette: none of a side with crowns, all of a base


@dataclass(frozen=True, slots=True)
class Surface:
    """What is measured of a scan.

    Attributes:
        points, normals: (N, 3), spread evenly over the surface.
        facet_normals, facet_areas: (F, 3) and (F,) of the points' convex hull.
        border: (B, 3) middles of the edges of open borders.
    """

    points: np.ndarray
    normals: np.ndarray
    facet_normals: np.ndarray
    facet_areas: np.ndarray
    border: np.ndarray


def survey(mesh: Mesh) -> Surface:
    """Measure a clean mesh in millimetres.

    Raises:
        QhullError: all of it lies in one plane.
    """
    corners = mesh.vertices[mesh.faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normals = np.cross(first, second)
    areas = norm(normals)
    # A point for each so much of area, within its face by the R2 sequence: even, and the same every time.
    ends = np.cumsum(areas)
    number = np.arange(SAMPLES)
    face = np.minimum(np.searchsorted(ends, (number + 0.5) * (ends[-1] / SAMPLES)), len(areas) - 1)
    s, t = ((0.5 + number * step) % 1.0 for step in (0.7548776662466927, 0.5698402909980532))
    over = s + t > 1
    s, t = np.where(over, 1 - s, s)[:, None], np.where(over, 1 - t, t)[:, None]
    points = corners[face, 0] + s * first[face] + t * second[face]
    hull = ConvexHull(points)
    a, b, c = (points[hull.simplices[:, corner]] for corner in range(3))
    return Surface(
        points,
        normals[face] / areas[face][:, None],
        hull.equations[:, :3],
        norm(np.cross(b - a, c - a)) / 2,
        _border(mesh),
    )


def _border(mesh: Mesh) -> np.ndarray:
    """(B, 3) middles of the border's edges; none where so many are that the faces can't be connected by index."""
    edges = border_edges(mesh.faces)[:, :2]
    if len(edges) > 0.3 * len(mesh.faces):  # three edges a face, each of two faces, in a closed surface
        edges = edges[:0]
    return (mesh.vertices[edges[:, 0]] + mesh.vertices[edges[:, 1]]) / 2


def likely_axes(surface: Surface) -> list[tuple[np.ndarray, float]]:
    """Axes with large silhouettes of the hull, in mm², the largest first: the occlusal axis is among them."""

    def silhouette(axis: np.ndarray) -> float:
        return float(ordered_sum(np.abs(dot(surface.facet_normals, axis)) * surface.facet_areas)) / 2

    # Half a sphere of directions, 8 degrees apart, by Fibonacci's spiral.
    height = (np.arange(300) + 0.5) / 300
    turn, radius = np.arange(300) * math.pi * (1 + math.sqrt(5)), np.sqrt(1 - height * height)
    sphere = np.stack([radius * cos(turn), radius * sin(turn), height], axis=1)
    largest = max(sphere, key=silhouette)
    x, y, _ = view_axes(largest)
    ring = [cos(angle) * x + sin(angle) * y for angle in np.arange(36) * (math.pi / 36)]
    second = max(range(36), key=lambda number: silhouette(ring[number]))
    axes = [(axis, silhouette(axis)) for axis in (largest, ring[second], ring[(second + 18) % 36])]
    return [(axis, size) for axis, size in axes if size > LEAST_SILHOUETTE * axes[0][1]]


def resting_normal(surface: Surface, up: np.ndarray) -> np.ndarray:
    """Normal of the plane that a scan rests on with this side: mean shift over the hull's facets."""
    for window in (45, 35, 25, 25, 25, 25):
        near = dot(surface.facet_normals, up) > cos(math.radians(window))
        if near.any():
            areas = surface.facet_areas[near]
            up = unit(ordered_sum(surface.facet_normals[near] * areas[:, None]))
    return up


def evidence_of(surface: Surface, view: View, silhouette: float) -> float:
    """How much more than other sides a side looks like the crowns', apart from its arch."""
    detail = _detail(surface, view)
    evidence = DETAIL * (-0.5 if detail is None else max(-1.0, min(0.0, float(log(max(detail, 1e-9) / USUAL_DETAIL)))))
    evidence -= FLAT * max(
        0.0, min(1.0, (flat_area(surface, view.axes[2]) / silhouette - FLAT_FROM) / (FLAT_TO - FLAT_FROM))
    )
    if len(surface.border):
        height = dot(surface.points, view.axes[2])
        under = (ordered_mean(height) - ordered_mean(dot(surface.border, view.axes[2]))) / np.ptp(height)
        evidence += max(-3.0, min(3.0, BORDER * float(under)))
    return evidence


def _detail(surface: Surface, view: View) -> float | None:
    """Median change of the unit normal over 2 mm of what lies highest; None where that is no more than a rim."""
    view = look(surface.points, view.axes, cell=1.0)
    normals = np.stack([dot(surface.normals, axis) for axis in view.axes], axis=1)
    normals *= np.sign(normals[:, 2:])  # faces may show their backs
    seen = view.depth < 1.0 - view.heights[view.rows, view.columns]
    mean = np.zeros((*view.heights.shape, 3))
    np.add.at(mean, (view.rows[seen], view.columns[seen]), normals[seen])
    length = norm(mean)
    mean /= np.maximum(length, 1e-9)[:, :, None]
    high = ndimage.binary_erosion(view.heights > -5.0, iterations=2) & (length > 0)
    changes = np.concatenate(
        [
            norm(one - other)[both]
            for one, other, both in (
                (mean[2:], mean[:-2], high[2:] & high[:-2]),
                (mean[:, 2:], mean[:, :-2], high[:, 2:] & high[:, :-2]),
            )
        ]
    )
    return float(np.median(changes)) if len(changes) >= 50 else None


def flat_area(surface: Surface, up: np.ndarray) -> float:
    """Area of the largest even part of the hull on one side, mm²."""
    near = dot(surface.facet_normals, up) > 0.8
    normals, areas = surface.facet_normals[near], surface.facet_areas[near]
    largest = np.argsort(-areas, kind="stable")[:50]
    even = cos(math.radians(3))
    return max((float(ordered_sum(areas[dot(normals, normals[number]) > even])) for number in largest), default=0.0)
