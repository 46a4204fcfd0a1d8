"""The jaw in a picture: its silhouette, and how far points project from the silhouette's edge."""

import cv2
import numpy as np

from scans.cameras import INTRINSICS, NEAREST, project

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
    outside, inside = np.zeros(len(points)), np.full(len(points), np.inf)
    for picture, camera in zip(pictures, cameras, strict=True):
        mask = foreground(picture).astype(np.uint8)
        beyond, within = (cv2.distanceTransform(side, cv2.DIST_L2, 3) for side in (1 - mask, mask))
        uv, depth = project(points, camera)
        fx, _, _, _, width, height, orthographic = camera[INTRINSICS]
        size = np.array([mask.shape[1], mask.shape[0]])
        at = np.floor(uv * (size / (width, height)))  # a picture may be of another size than its camera
        there = np.flatnonzero(((at >= 0) & (at < size)).all(axis=1) & (depth > NEAREST))
        column, row = at[there].astype(np.int64).T
        unit = width / mask.shape[1] / fx * (1.0 if orthographic else depth[there])  # jaw radii a pixel
        outside[there] = np.maximum(outside[there], beyond[row, column] * unit)
        inside[there] = np.minimum(inside[there], within[row, column] * unit)
    return outside, inside
