"""Depth, normal and FDI label maps (render passes), and the pictures that store them.

Maps are sampled at pixel centres, without anti-aliasing: the mean of two depths, normals or labels would belong to no
surface point.
"""

import math
from collections.abc import Sequence

import numpy as np

from renderers.normals import vertex_normals
from renderers.rasteriser.shading import corner_weights
from renderers.render import checked_mesh, require_labels
from scans.cameras import Camera
from scans.vectors import dot, norm, unit
from scans.visibility import visibility_buffers

PASSES = ("depth", "normals", "labels")
NO_FACE = 255
"""Label of a pixel that shows no face; 0 is gingiva."""


def render_passes(
    vertices: np.ndarray,
    faces: np.ndarray,
    cameras: Sequence[Camera],
    *,
    passes: Sequence[str],
    labels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Render depth, normal and label maps of a mesh with the software rasteriser.

    Args:
        vertices: (V, 3) float, in the world of the cameras.
        faces: (F, 3) int, indices into `vertices`.
        cameras: One per picture, all of one picture size.
        passes: Which of PASSES.
        labels: (V,) uint8 FDI number per vertex, for the pass of that name.

    Returns:
        By name: `depth` (views, H, W) float64, along the camera's axis in units of the mesh (jaw radii), 0 where there
        is no face. `normals` (views, H, W, 3) float64, smooth unit normals in the cameras' world, on the side that is
        seen, 0 where there is no face. `labels` (views, H, W) uint8, that of the face's nearest corner, NO_FACE where
        there is no face.

    Raises:
        ScanError: The mesh can't be rendered (see `render_views`), or has no labels for the pass of that name.
    """
    if not passes:
        return {}
    vertices, faces = checked_mesh(vertices, faces, cameras)
    made: dict[str, list[np.ndarray]] = {name: [] for name in passes}
    vertex_labels = require_labels(labels, vertices) if "labels" in made else None
    normals = vertex_normals(vertices, faces)
    buffers = visibility_buffers(vertices, faces, cameras, samples=1)
    for camera, (face_ids, nearness) in zip(cameras, buffers, strict=True):
        seen = face_ids >= 0
        corners = faces[face_ids[seen]]  # (P, 3)
        weights, from_front = corner_weights(vertices, faces, face_ids, camera)
        weights, from_front = weights[seen], from_front[seen]
        if "depth" in made:
            depth = np.zeros(seen.shape)
            depth[seen] = -nearness[seen] if camera.orthographic else 1.0 / nearness[seen]
            made["depth"].append(depth)
        if "normals" in made:
            directions = dot(weights[:, None], normals[corners].swapaxes(1, 2))  # (P, 3)
            directions *= np.where(from_front, 1.0, -1.0)[:, None]
            picture = np.zeros((*seen.shape, 3))
            picture[seen] = unit(directions)
            made["normals"].append(picture)
        if vertex_labels is not None:
            nearest = np.take_along_axis(corners, weights.argmax(axis=1)[:, None], axis=1)[:, 0]
            shown = np.full(seen.shape, NO_FACE, dtype=np.uint8)
            shown[seen] = vertex_labels[nearest]
            made["labels"].append(shown)
    return {name: np.stack(pictures) for name, pictures in made.items()}


def depth_step(cameras: Sequence[Camera]) -> float:
    """Depth per grey level of a 16-bit depth map: the smallest power of two with which a whole jaw stays below 65,535.

    Twice the distance of the farthest camera leaves room for jitter, and 2 for what lies outside the unit sphere.
    """
    farthest = 2.0 * max(float(norm(camera.position)) for camera in cameras) + 2.0
    fraction, exponent = math.frexp(farthest / 65535)  # fraction · 2^exponent, fraction from 0.5 to below 1
    return math.ldexp(1.0, exponent - (fraction == 0.5))


def depth_picture(depth: np.ndarray, step: float) -> np.ndarray:
    """Quantise depths to (H, W) uint16, in steps; 0 where there is no face, clipped to 65,535."""
    return np.minimum(np.rint(depth / step), 65535).astype(np.uint16)


def normals_picture(normals: np.ndarray) -> np.ndarray:
    """Encode unit normals as RGB, (H, W, 3) uint8: 128 + 127 n per axis; black where there is no face."""
    seen = normals.any(axis=-1, keepdims=True)
    return np.where(seen, np.rint(128 + 127 * normals), 0).astype(np.uint8)
