"""Does a reconstruction look like the pictures it was made from? Silhouettes are compared, view by view.

A network answers any pictures with some jaw. Seen by the pictures' own cameras, a right one covers what the pictures
show. Pictures that are mirrored or mixed up fit better in another order, even where the jaw is a poor one. What can't
be told is a whole jaw that is mirrored, picture and order alike: that is a jaw, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from scans.cameras import HEIGHT, WIDTH, project

ROWS = 64  # of a silhouette: coarse enough for 50,000 points to fill it and for blurred pictures
POINTS_PER_PIXEL = 4.0  # of a silhouette's square; a jaw covers a third of it, seen from both sides
NEAR = 0.05  # jaw radii; what is nearer to a camera is not seen
CONTRAST = 10  # grey values by which a jaw differs from the background
CHANCE = 0.005  # intersection over union by which silhouettes of 64 rows differ for no reason


@dataclass(frozen=True, slots=True)
class Fit:
    """How well pictures and reconstruction fit.

    Attributes:
        silhouette_ious: by view number, intersection over union of the picture's silhouette and the reconstruction's.
        silhouette_iou: their mean.
        permutation_gain: how much the mean would rise if the pictures stood in the order that fits best.
        order: by view number, the view that the picture fits best in that order.
        mirror_gain: how much the mean would rise if each picture were mirrored left to right.
    """

    silhouette_ious: dict[int, float]
    silhouette_iou: float
    permutation_gain: float
    order: dict[int, int]
    mirror_gain: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits of held-out cases allow: at least this overlap, at most this disorder."""

    silhouette_iou: float
    permutation_gain: float

    def allow(self, fit: Fit) -> bool:
        """Whether a reconstruction fits its pictures as those of the held-out cases do."""
        return fit.silhouette_iou >= self.silhouette_iou and fit.permutation_gain <= self.permutation_gain


def limits(fits: Sequence[Fit]) -> Limits:
    """The limits that the fits of held-out cases, one or more, set.

    The worst case is as far from its limit as the median is from it, and `CHANCE` more.
    """

    def beyond(worst: float, median: float) -> float:
        return float(2 * worst - median)

    silhouette_iou, permutation_gain = (
        np.array([getattr(fit, name) for fit in fits]) for name in ("silhouette_iou", "permutation_gain")
    )
    return Limits(
        silhouette_iou=max(beyond(silhouette_iou.min(), np.median(silhouette_iou)) - CHANCE, 0.0),
        permutation_gain=beyond(permutation_gain.max(), np.median(permutation_gain)) + CHANCE,
    )


def fit(points: np.ndarray, views: np.ndarray, view_mask: np.ndarray, cameras: np.ndarray) -> Fit:
    """Compare pictures with points; see `silhouette_ious` for what they are."""
    own, mirror_gain = silhouette_ious(points, views, view_mask, cameras)
    numbers = np.flatnonzero(view_mask)
    _, places = linear_sum_assignment(own, maximize=True)
    diagonal = own.diagonal()
    silhouette_iou = float(diagonal.mean())
    return Fit(
        silhouette_ious=dict(zip(numbers.tolist(), diagonal.tolist(), strict=True)),
        silhouette_iou=silhouette_iou,
        permutation_gain=float(own[np.arange(len(own)), places].mean()) - silhouette_iou,
        order=dict(zip(numbers.tolist(), numbers[places].tolist(), strict=True)),
        mirror_gain=float(mirror_gain.diagonal().mean()) - silhouette_iou,
    )


def background_of(picture: np.ndarray) -> np.ndarray:
    """The value, () or (3,) uint8, that a picture (H, W) or (H, W, 3) has most often along its border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    values, counts = np.unique(border, axis=0, return_counts=True)
    return values[counts.argmax()]


def foreground(picture: np.ndarray) -> np.ndarray:
    """(H, W) bool, where a picture (H, W) or (H, W, 3) uint8 shows more than its background."""
    difference = np.abs(picture.astype(np.int16) - background_of(picture).astype(np.int16))
    return (difference if picture.ndim == 2 else difference.max(axis=2)) > CONTRAST


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
    """How well each picture's silhouette fits what each camera sees of the points.

    Args:
        points: (N, 3) normalised.
        views: (V, H, W) or (V, H, W, 3) uint8.
        view_mask: (V,) bool.
        cameras: (V, 23) float64.

    Returns:
        (2, K, K) float64, K the number of views that are there: intersection over union of each picture (rows), as it
        is and mirrored left to right, with each camera (columns). The diagonal of the first is the fit; the rest tells
        what may have gone wrong.
    """
    rows = int(min(ROWS, np.sqrt(len(points) / POINTS_PER_PIXEL)))
    seen = np.stack([silhouette(points, camera, rows) for camera in cameras[view_mask]])  # (K, h, w)
    size = seen.shape[:0:-1]
    shown = np.stack(
        [
            _closed(cv2.resize(foreground(view).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5)
            for view in views[view_mask]
        ]
    )
    return np.stack([_intersection_over_union(pictures, seen) for pictures in (shown, shown[:, :, ::-1])])


def _closed(mask: np.ndarray) -> np.ndarray:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(bool)


def _intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(K, L) of each of K masks (K, h, w) with each of L."""
    a, b = a.reshape(len(a), -1).astype(np.float64), b.reshape(len(b), -1).astype(np.float64)
    both = a @ b.T
    return both / np.maximum(a.sum(axis=1)[:, None] + b.sum(axis=1) - both, 1)
