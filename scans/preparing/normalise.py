"""Normalisation of point clouds to the unit sphere, and back to millimetres."""

import numpy as np

from scans.errors import ScanError
from scans.vectors import norm, ordered_mean


def center_and_radius(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centroid and largest distance from it (the papers say "centre, scale" only; this is our reading).

    Args:
        points: (N, 3) in millimetres.

    Returns:
        center: (3,) float64, the centroid; radius: the largest distance from it.

    Raises:
        ScanError: there is no point, a coordinate is not finite, or all points coincide.
    """
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ScanError(f"points must have shape (N, 3) with N > 0, found {points.shape}")
    points = points.astype(np.float64)
    center = ordered_mean(points)
    radius = float(norm(points - center).max())
    if not 0 < radius < np.inf:
        raise ScanError(f"the {len(points)} points span no sphere (radius {radius}). Check the scan")
    return center, radius


def normalise(points: np.ndarray, center: np.ndarray, radius: float) -> np.ndarray:
    """Points (N, 3) in millimetres as (v − center) / radius, in the points' own float type."""
    return ((points.astype(np.float64) - center) / radius).astype(points.dtype)


def denormalise(points: np.ndarray, center: np.ndarray, radius: float) -> np.ndarray:
    """Normalised points (N, 3) back in millimetres, in the points' own float type."""
    return (points.astype(np.float64) * radius + center).astype(points.dtype)
