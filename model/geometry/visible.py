"""Which views show which points of a surface: a depth test against the surface itself."""

import numpy as np
from numba import njit

from model.geometry.pixel import pixel_of
from scans.cameras import cameras_from_array
from scans.visibility import lens_of, visibility_buffers

DEPTH_TOLERANCE = 0.02  # jaw radii, about 0.8 mm, by which a pixel's centre may lie before a point that it shows
TINY = np.finfo(float).tiny


def viewing_cosines(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """Cosine of the angle between a vertex's normal and the direction to each camera that sees it, 0 elsewhere.

    A camera sees a vertex that faces it, that its picture shows, and before which its depth buffer has no surface.

    Args:
        vertices: (P, 3), normalised frame. faces: (F, 3) int32. normals: (P, 3), unit length.
        cameras: (V, 23), see `scans.cameras`; all of one picture size.

    Returns:
        (V, P) float32, 0..1.
    """
    vertices, normals = (np.ascontiguousarray(each, np.float64) for each in (vertices, normals))
    posed = cameras_from_array(cameras)
    buffers = visibility_buffers(vertices, np.ascontiguousarray(faces), posed, samples=1)
    cosines = np.zeros((len(posed), len(vertices)), np.float32)
    for own, camera, (_, nearness) in zip(cosines, posed, buffers, strict=True):
        _enter_cosines(vertices, normals, lens_of(camera), nearness, own)
    return cosines


@njit(cache=True, nogil=True, error_model="numpy")
def _enter_cosines(vertices, normals, lens, nearness, cosines):
    """Fills in the cosines (P,) of one camera, whose visibility buffer has the inverse depths (H, W)."""
    height, width = nearness.shape
    for n in range(len(vertices)):
        x, y, z = vertices[n, 0], vertices[n, 1], vertices[n, 2]
        u, v, w = lens.backward
        if lens.perspective:
            u, v, w = lens.position[0] - x, lens.position[1] - y, lens.position[2] - z
            length = max(np.sqrt(u * u + v * v + w * w), TINY)
            u, v, w = u / length, v / length, w / length
        facing = normals[n, 0] * u + normals[n, 1] * v + normals[n, 2] * w
        column, row, depth = pixel_of(x, y, z, lens)
        if not (facing > 0 and 0 <= column < width and 0 <= row < height):
            continue
        nearest = nearness[int(row), int(column)]
        surface = 1 / max(nearest, 0.0) if lens.perspective else -nearest  # infinite where there is none
        if depth <= surface + DEPTH_TOLERANCE:
            cosines[n] = facing
