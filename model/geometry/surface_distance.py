"""Distances to a surface that is known by points sampled on it, and their normals."""

import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours

SPACING = 0.008  # half the spacing of the ground-truth points: no surface point is farther from its nearest one


def distances_to_plane(offsets: torch.Tensor, normals: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Signed distance to the tangent plane of the nearest point, and unsigned distance to the surface.

    The unsigned distance is that to the nearest point, whose component along the plane is shortened by SPACING, because
    points sample the surface at random.

    Args:
        offsets: (..., 3) from the nearest surface point, in jaw radii. normals: (..., 3) of that point, unit length.

    Returns:
        (...) each.
    """
    signed = (offsets * normals).sum(dim=-1)
    tangential = torch.linalg.vector_norm(offsets - signed[..., None] * normals, dim=-1)
    return signed, torch.hypot(signed, (tangential - SPACING).clamp_min(0))


def surface_distances(points: torch.Tensor, surface: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """(N,) unsigned distances of points (N, 3) to a surface of points (M, 3) with normals (M, 3), in jaw radii."""
    nearest = nearest_neighbours(IndexedPoints.build(points), IndexedPoints.build(surface))
    return distances_to_plane(points - surface[nearest], normals[nearest])[1]
