"""The software rasteriser: a visibility buffer per view, shaded."""

from collections.abc import Sequence

import numpy as np

from renderers.rasteriser.shading import ColourShading, Shading, shade
from scans.cameras import Camera
from scans.visibility import visibility_buffers


def render(
    vertices: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    teeth: np.ndarray,
    cameras: Sequence[Camera],
    shading: Shading | ColourShading,
    *,
    samples: int,
) -> np.ndarray:
    """Pictures of a mesh.

    Args:
        vertices: (V, 3) float64, finite, in the cameras' world.
        faces: (F, 3) int32, valid indices into `vertices`.
        normals: (V, 3) float64, unit normals, interpolated over the faces.
        teeth: (V,) float64, 1 on teeth and 0 on gingiva; looked at for `ColourShading` alone.
        cameras: One per picture, all of one picture size.
        shading: Materials, light and background.
        samples: Samples per pixel, 1 or 4; their values are averaged.

    Returns:
        (views, H, W) uint8, or (views, H, W, 3) for `ColourShading`.
    """
    buffers = visibility_buffers(vertices, faces, cameras, samples=samples)
    return np.stack(
        [
            shade(vertices, faces, normals, teeth, face_ids, camera, shading, samples=samples)
            for camera, (face_ids, _) in zip(cameras, buffers, strict=True)
        ]
    )
