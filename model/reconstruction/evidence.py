"""What is known of each vertex of a reconstructed surface, from which its error is estimated."""

import numpy as np
import torch

from model.geometry.cells import cells_of
from model.geometry.foreground import silhouette_distances
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from scans.mesh import GINGIVA

# All lengths are in jaw radii.
LEAST = 1e-4  # shorter distances have its logarithm
EDGE = 0.003  # added to the distance to a silhouette's edge before the logarithm, about a fifth of a pixel
FARTHEST = 1.0  # longer distances count as this: so far are points that no picture shows
CELL = 0.03  # edge of the cells in which the field's distances are averaged, and CELL_OF_SLOPES its slopes
CELL_OF_SLOPES = 0.05
TIPS = 0.95  # quantile of the heights of the crowns' vertices that counts as that of the crowns
COLUMNS = (
    "views that see it",
    "greatest cosine",
    "sum of cosines",
    "log unsigned distance",
    "log distance to the nearest projected point",
    "mean log unsigned distance nearby",
    "distance outside a silhouette",
    "distance to the edge of a silhouette",
    "log distance to the edge of a silhouette",
    "log distance to the nearest vertex that a view sees",
    "height",
    "height above that of the crowns",
    "distance from the vertical axis",
    "mean slope of the field nearby",
)


def evidence_of(
    vertices: np.ndarray,
    labels: np.ndarray,
    cosines: np.ndarray,
    unsigned_distances: np.ndarray,
    support: np.ndarray,
    slopes: np.ndarray,
    pictures: np.ndarray,
    cameras: np.ndarray,
) -> np.ndarray:
    """The columns that an error head reads.

    Args:
        vertices: (P, 3) float32, normalised frame. labels: (P,) uint8 FDI.
        cosines: (V, P), from `model.geometry.visible`.
        unsigned_distances: (P,) that the field predicts for the projected point nearest to each vertex.
        support: (P,) distance to that point.
        slopes: (P,) by how much the field's signed distance rises there, as a fraction of the way. A network that is
            unsure where the surface lies lets it rise by less than the way.
        pictures, cameras: (V, ...), see `model.geometry.foreground`.

    Returns:
        (P, E) float32, in the order of COLUMNS.
    """
    log_distances, log_support = (np.log(np.maximum(each, LEAST)) for each in (unsigned_distances, support))
    outside, inside = silhouette_distances(vertices, pictures, cameras)
    inside = np.minimum(inside, FARTHEST)
    columns = [
        (cosines > 0).sum(axis=0),
        cosines.max(axis=0),
        cosines.sum(axis=0),
        log_distances,
        log_support,
        _mean_nearby(vertices, log_distances, CELL),
        np.minimum(outside, FARTHEST),
        inside,
        np.log(inside + EDGE),
        np.log(_distances_to(vertices, cosines.max(axis=0) > 0) + EDGE),
        vertices[:, 2],
        vertices[:, 2] - _height_of_crowns(vertices[:, 2], labels),
        np.hypot(vertices[:, 0], vertices[:, 1]),
        _mean_nearby(vertices, slopes, CELL_OF_SLOPES),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _mean_nearby(vertices: np.ndarray, values: np.ndarray, edge: float) -> np.ndarray:
    """(P,) mean of the values (P,) in each vertex's cell of a grid."""
    cell = cells_of(vertices, edge)
    return np.bincount(cell, values)[cell] / np.bincount(cell)[cell]


def _height_of_crowns(heights: np.ndarray, labels: np.ndarray) -> float:
    """Height of the crowns, but for a few tips; that of the jaw if it has no crown."""
    crowns = heights[labels != GINGIVA]
    return float(np.quantile(crowns, TIPS) if len(crowns) else heights.max())


def _distances_to(vertices: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(P,) distance from each vertex to the nearest of those `seen`; FARTHEST if there is none."""
    if not seen.any():
        return np.full(len(vertices), FARTHEST)
    distances, hidden = np.zeros(len(vertices)), vertices[~seen]
    if len(hidden):
        queries, targets = (IndexedPoints.build_finite(torch.from_numpy(each)) for each in (hidden, vertices[seen]))
        distances[~seen] = np.linalg.norm(hidden - vertices[seen][nearest_neighbours(queries, targets).numpy()], axis=1)
    return np.minimum(distances, FARTHEST)
