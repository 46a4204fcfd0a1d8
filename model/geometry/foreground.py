"""The jaw in a picture: its silhouette, and how far points project from the silhouette's edge."""

import cv2
import numpy as np
from numba import njit

from model.geometry.pixel import pixel_of
from scans.cameras import NEAREST, cameras_from_array
from scans.visibility import lens_of

CONTRAST = 10  # grey values by which a jaw differs from the background


def background_of(picture: np.ndarray) -> np.ndarray:
    """The value, () or (3,) uint8, that a picture (H, W) or (H, W, 3) has most often along its border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    values, counts = np.unique(border, axis=0, return_counts=True)
    return values[counts.argmax()]


def foreground(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool, where a picture (H, W) or (H, W, 3) uint8 shows more than its background."""
    difference = np.abs(picture.astype(np.int16) - background_of(picture).astype(np.int16))
    return (difference if picture.ndim == 2 else difference.max(axis=2)) > CONTRAST


def silhouette_distances(
    points: np.ndarray, pictures: np.ndarray, cameras: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far points project outside and inside the silhouettes of pictures.

    Args:
        points: (P, 3), normalised frame.
        pictures: (V, H, W) or (V, H, W, 3) uint8. cameras: (V, 23), of these pictures.

    Returns:
        (P,) float64 each, at the points' depth, in jaw radii: greatest distance outside a silhouette, 0 for a point
        inside all; least distance to the edge of a silhouette from within, 0 for a point outside one. Where a
        silhouette is cut by the picture's border nothing is known, and none counts for a point beyond it.
    """
    points = np.ascontiguousarray(points, np.float64)
    outside, inside = np.zeros(len(points)), np.full(len(points), np.inf)
    for picture, camera in zip(pictures, cameras_from_array(cameras), strict=True):
        mask = foreground(picture).astype(np.uint8)
        beyond, within = (cv2.distanceTransform(side, cv2.DIST_L2, 3) for side in (1 - mask, mask))
        scale = mask.shape[1] / camera.width, mask.shape[0] / camera.height  # where the picture is of another size
        _enter_distances(points, lens_of(camera), scale, beyond, within, outside, inside)
    return outside, inside


@njit(cache=True, nogil=True)
def _enter_distances(points, lens, scale, beyond, within, outside, inside):
    """Updates the distances (P,) by those of one camera, in pixels (H, W) of its picture."""
    height, width = beyond.shape
    for n in range(len(points)):
        column, row, depth = pixel_of(points[n, 0], points[n, 1], points[n, 2], lens)
        column, row = column * scale[0], row * scale[1]
        if not (0 <= column < width and 0 <= row < height and depth > NEAREST):
            continue
        unit = (depth if lens.perspective else 1.0) / (scale[0] * lens.fx)  # jaw radii a pixel
        outside[n] = max(outside[n], beyond[int(row), int(column)] * unit)
        inside[n] = min(inside[n], within[int(row), int(column)] * unit)
