"""The software rasteriser: visibility buffer, shading, box filter."""

import numpy as np
from numba import njit

from renderers.cameras import Camera
from renderers.shading import Shading, shade
from renderers.visibility import visibility


def render(
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, camera: Camera, shading: Shading, *, samples: int
) -> np.ndarray:
    """The picture of a mesh.

    Args:
        vertices: (V, 3) float64, finite, in the camera's world.
        faces: (F, 3) int32, valid indices into `vertices`.
        normals: (V, 3) float64, unit normals, interpolated over the faces.
        camera: The camera.
        shading: Material, light and background.
        samples: Samples per side of a pixel; their grey values are averaged.

    Returns:
        (H, W) uint8.
    """
    face_ids, _ = visibility(vertices, faces, camera, samples=samples)
    grey = shade(vertices, faces, normals, face_ids, camera, shading, samples=samples)
    return grey if samples == 1 else _box_filter(grey, samples)


@njit(cache=True)
def _box_filter(grey, samples):
    """Rounded means of samples x samples blocks."""
    height, width = grey.shape[0] // samples, grey.shape[1] // samples
    image = np.empty((height, width), dtype=np.uint8)
    for row in range(height):
        for column in range(width):
            total = samples * samples // 2
            for i in range(samples):
                for j in range(samples):
                    total += grey[row * samples + i, column * samples + j]
            image[row, column] = total // (samples * samples)
    return image
