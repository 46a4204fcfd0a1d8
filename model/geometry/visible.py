"""Which views show which points of a surface: a depth test against the surface itself."""

import numpy as np

from scans.cameras import HEIGHT, WIDTH, cameras_from_array, project
from scans.vectors import dot, unit
from scans.visibility import visibility_buffers

DEPTH_TOLERANCE = 0.02  # jaw radii, about 0.8 mm, by which a pixel's centre may lie before a point that it shows


def viewing_cosines(vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """Cosine of the angle between a vertex's normal and the direction to each camera that sees it, 0 elsewhere.

    A camera sees a vertex that faces it, that its picture shows, and before which its depth buffer has no surface.

    Args:
        vertices: (P, 3), normalised frame. faces: (F, 3) int32. normals: (P, 3), unit length.
        cameras: (V, 23), see `scans.cameras`; all of one picture size.

    Returns:
        (V, P) float32, 0..1.
    """
    vertices = np.ascontiguousarray(vertices, np.float64)
    posed = cameras_from_array(cameras)
    buffers = visibility_buffers(vertices, np.ascontiguousarray(faces), posed, samples=1)
    cosines = np.zeros((len(posed), len(vertices)), np.float32)
    for number, (camera, (_, nearness)) in enumerate(zip(posed, buffers, strict=True)):
        towards = camera.rotation[:, 2][None] if camera.orthographic else unit(camera.position - vertices)
        facing = dot(normals, towards)
        uv, depth = project(vertices, cameras[number])
        column, row = np.floor(uv).T
        shown = (facing > 0) & (row >= 0) & (row < cameras[number, HEIGHT])
        shown &= (column >= 0) & (column < cameras[number, WIDTH])
        kept = np.flatnonzero(shown)
        nearest = nearness[row[kept].astype(np.int64), column[kept].astype(np.int64)]
        with np.errstate(divide="ignore"):
            surface = -nearest if camera.orthographic else 1 / np.maximum(nearest, 0)  # infinite where there is none
        kept = kept[depth[kept] <= surface + DEPTH_TOLERANCE]
        cosines[number, kept] = facing[kept]
    return cosines
