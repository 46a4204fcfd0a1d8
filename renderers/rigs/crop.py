"""Crops pictures to the jaw's silhouette, as pytorch3d's `box_crop` does; the camera is changed with the picture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scans.cameras import Camera, camera_array, project

Box = tuple[float, float, float, float]
"""Left, top, right and bottom border in pixels from the picture's left and top border."""

MARGIN = 0.03
"""Of the crop's width and height, left free on each side: so a border shows background, and 12 % of the picture do."""
MOST_OBLONG = 2.0
"""How many times as wide as high, as angles of view, a crop may be, or as high as wide; pictures of it are square."""
NEAR = 0.05
"""Jaw radii. What is nearer to a perspective camera has no place in its picture; that is then left whole."""


def crop_to_silhouettes(cameras: Sequence[Camera], vertices: np.ndarray, size: int) -> list[Camera]:
    """The cameras of square pictures that show a mesh's silhouette with a margin, and nothing that these don't.

    Args:
        cameras: Of the whole pictures.
        vertices: (V, 3) float, in the cameras' world.
        size: Pixels of a side.

    Returns:
        As many cameras. A picture that shows no vertex stays whole, and so does one whose camera stands in the mesh.
    """
    vertices = vertices.astype(np.float64, copy=False)
    cropped = []
    for camera in cameras:
        box = silhouette_box(vertices, camera)
        cropped.append(crop_camera(camera, whole_box(camera) if box is None else crop_box(box, camera), size))
    return cropped


def silhouette_box(vertices: np.ndarray, camera: Camera) -> Box | None:
    """The bounding box of what a picture shows of vertices (V, 3); None if there is none."""
    uv, depth = project(vertices, camera_array([camera])[0])
    if not camera.orthographic and depth.min() < NEAR:
        return None
    (left, top), (right, bottom) = uv.min(axis=0).tolist(), uv.max(axis=0).tolist()
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, camera.width), min(bottom, camera.height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def whole_box(camera: Camera) -> Box:
    """The box of the whole picture."""
    return 0.0, 0.0, float(camera.width), float(camera.height)


def crop_box(box: Box, camera: Camera) -> Box:
    """The part of a picture to keep: a box with its margin, not too oblong, moved where it would leave the picture."""
    left, top, right, bottom = box
    width, height = ((end - start) / (1 - 2 * MARGIN) for start, end in ((left, right), (top, bottom)))
    pixel = camera.fy / camera.fx  # how many times as wide as high, as angles of view
    width = max(width, height / (pixel * MOST_OBLONG))
    height = max(height, width * pixel / MOST_OBLONG)
    left, right = _within((left + right) / 2, width, camera.width)
    top, bottom = _within((top + bottom) / 2, height, camera.height)
    return left, top, right, bottom


def _within(middle: float, length: float, end: float) -> tuple[float, float]:
    """Both ends of an interval that lies in 0 … end, as near to the middle as can be."""
    length = min(length, end)
    start = min(max(middle - length / 2, 0.0), end - length)
    return start, start + length


def crop_camera(camera: Camera, box: Box, size: int) -> Camera:
    """The camera of the part `box` of a picture, resampled to `size` × `size` pixels: the same rays."""
    left, top, right, bottom = box
    across, down = size / (right - left), size / (bottom - top)
    return replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=(camera.cx - left) * across,
        cy=(camera.cy - top) * down,
        width=size,
        height=size,
    )
