"""Plausibility of a reconstruction: its silhouettes against those of the images it was made from, view by view.

A network predicts a jaw for any images. Rendered by the images' own cameras, a right one has their silhouettes. Images
that are mirrored or permuted fit better in another order, even if the jaw is a poor one. A jaw that is mirrored as a
whole, images and order alike, can't be detected: it is a jaw, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from model.geometry.foreground import foreground
from scans.cameras import HEIGHT, INTRINSICS, WIDTH, project

ROWS = 64  # of a silhouette: coarse enough for 50,000 points to fill it and for blurred pictures
POINTS_PER_PIXEL = 4.0  # of a silhouette's square; a jaw covers a third of it, seen from both sides
NEAR = 0.05  # jaw radii; what is nearer to a camera is not seen
NOISE = 0.005  # intersection over union by which silhouettes of 64 rows differ anyway


@dataclass(frozen=True, slots=True)
class Fit:
    """Agreement of images and reconstruction.

    Attributes:
        silhouette_ious: by view number, intersection over union of the silhouettes of image and reconstruction.
        silhouette_iou: their mean.
        permutation_gain: gain of the mean if the images were in the order that fits best.
        order: by view number, the view that the image is assigned to in that order.
        mirror_gain: gain of the mean if each image were mirrored left to right.
    """

    silhouette_ious: dict[int, float]
    silhouette_iou: float
    permutation_gain: float
    order: dict[int, int]
    mirror_gain: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits from held-out cases: the least silhouette IoU and the greatest permutation gain."""

    silhouette_iou: float
    permutation_gain: float

    def allow(self, fit: Fit) -> bool:
        """Whether a fit is within the limits."""
        return fit.silhouette_iou >= self.silhouette_iou and fit.permutation_gain <= self.permutation_gain


def limits(fits: Sequence[Fit]) -> Limits:
    """The limits that the fits of held-out cases, one or more, set.

    The worst case is as far from its limit as the median is from it, and `NOISE` more.
    """

    def beyond(worst: float, median: float) -> float:
        return float(2 * worst - median)

    silhouette_iou, permutation_gain = (
        np.array([getattr(fit, name) for fit in fits]) for name in ("silhouette_iou", "permutation_gain")
    )
    return Limits(
        silhouette_iou=max(beyond(silhouette_iou.min(), np.median(silhouette_iou)) - NOISE, 0.0),
        permutation_gain=beyond(permutation_gain.max(), np.median(permutation_gain)) + NOISE,
    )


def fit(points: np.ndarray, views: np.ndarray, view_mask: np.ndarray, cameras: np.ndarray) -> Fit:
    """Compare images with points; the arguments are those of `silhouette_ious`."""
    own, mirror_gain = silhouette_ious(points, views, view_mask, cameras)
    numbers = np.flatnonzero(view_mask)
    _, order = linear_sum_assignment(own, maximize=True)
    diagonal = own.diagonal()
    silhouette_iou = float(diagonal.mean())
    return Fit(
        silhouette_ious=dict(zip(numbers.tolist(), diagonal.tolist(), strict=True)),
        silhouette_iou=silhouette_iou,
        permutation_gain=float(own[np.arange(len(own)), order].mean()) - silhouette_iou,
        order=dict(zip(numbers.tolist(), numbers[order].tolist(), strict=True)),
        mirror_gain=float(mirror_gain.diagonal().mean()) - silhouette_iou,
    )


def silhouette(points: np.ndarray, camera: np.ndarray, rows: int) -> np.ndarray:
    """Silhouette of points (N, 3) as a camera sees them, with gaps of a pixel closed.

    Args:
        camera: (CAMERA_VECTOR_SIZE,) float64, see `scans.cameras.project`.
        rows: height of the silhouette; its width follows the camera's.

    Returns:
        (rows, columns) bool.
    """
    width, height = camera[[WIDTH, HEIGHT]]
    uv, depth = project(points, camera)
    shape = rows, round(width * rows / height)
    column, row = np.floor(uv[depth > NEAR] * (rows / height)).T
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    seen = np.zeros(shape, bool)
    seen[row[inside].astype(np.int64), column[inside].astype(np.int64)] = True
    return _closed(seen)


def silhouette_ious(points: np.ndarray, views: np.ndarray, view_mask: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """Silhouette IoU of each image with the points' projection by each camera.

    Args:
        points: (N, 3) normalised.
        views: (V, H, W) or (V, H, W, 3) uint8.
        view_mask: (V,) bool.
        cameras: (V, 23) float64.

    Returns:
        (2, K, K) float64 for K unmasked views: intersection over union of each image (rows), plain and mirrored left to
        right, with each camera (columns). The diagonal of the first is the fit. An image keeps its own lens, and stands
        where it would with another's pose, so that crops are compared as their whole pictures would be.
    """
    rows = int(min(ROWS, np.sqrt(len(points) / POINTS_PER_PIXEL)))
    cameras = cameras[view_mask]
    fx, fy, cx, cy, width, height, _ = cameras[:, INTRINSICS].T
    # The least picture that holds those of all views, with the optical axis in its middle column.
    half_width = np.maximum(cx, width - cx) / fx
    up, down = cy / fy, (height - cy) / fy
    scale = rows / (up.max() + down.max())
    columns = round(2 * half_width.max() * scale)
    lens = (columns / 2 / half_width.max(), scale, columns / 2, up.max() * scale, columns, rows)
    common = cameras.copy()
    common[:, INTRINSICS.start : INTRINSICS.start + len(lens)] = lens
    seen = np.stack([silhouette(points, camera, rows) for camera in common])  # (K, h, w)
    shown, known = [], []
    for view, camera in zip(views[view_mask], cameras, strict=True):
        mask: np.ndarray = foreground(view)
        right_share, there_x = _resampling(
            np.any(mask, axis=0), camera[INTRINSICS][[0, 2, 4]], lens[0], lens[2], columns
        )
        down_share, there_y = _resampling(np.any(mask, axis=1), camera[INTRINSICS][[1, 3, 5]], lens[1], lens[3], rows)
        shown.append(_closed(down_share @ mask @ right_share.T > 0.5))
        known.append(there_y[:, None] & there_x)
    pictures, parts = np.stack(shown), np.stack(known)
    return np.stack(
        [
            _intersection_over_union(pictures & parts, parts, seen),
            _intersection_over_union((pictures & parts)[:, :, ::-1], parts[:, :, ::-1], seen),
        ]
    )


def _resampling(
    touched: np.ndarray, own: np.ndarray, focal: float, middle: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """How an image goes into the common picture, along one axis, by area averaging.

    Args:
        touched: (n,) bool, whether a row or column of the image shows the jaw.
        own: focal length, principal point and length that the image's camera has along the axis.
        focal, middle, count: the same of the common picture.

    Returns:
        (count, n) float64, the share of each pixel of the common picture that lies in each of the image. (count,) bool,
        whether the image tells what is there: inside, and beyond an end at which it shows background.
    """
    own_focal, own_middle, length = own
    edges = middle + (np.linspace(0, length, len(touched) + 1) - own_middle) * (focal / own_focal)  # (n + 1,)
    pixels = np.arange(count)[:, None]
    share = np.diff(np.clip(edges, pixels, pixels + 1), axis=1)
    centres = pixels[:, 0] + 0.5
    return share, ((centres >= edges[0]) | ~touched[0]) & ((centres <= edges[-1]) | ~touched[-1])


def _closed(mask: np.ndarray) -> np.ndarray:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(bool)


def _intersection_over_union(a: np.ndarray, known: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(K, L) of each of K masks (K, h, w), within what is known of it, with each of L."""
    a, known, b = (masks.reshape(len(masks), -1).astype(np.float64) for masks in (a, known, b))
    both = a @ b.T
    return both / np.maximum(a.sum(axis=1)[:, None] + known @ b.T - both, 1)
