"""A case: one jaw with its views and ground truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Crop = Literal["none", "silhouette"]
"""What views show: all that their cameras see, or that cropped to the jaw's silhouette (`render.crop`)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One jaw with its views and ground-truth points.

    Attributes:
        id: case id, named in messages.
        views: (V, H, W) or (V, H, W, 3) uint8, grey or RGB, in the order of the rig.
        view_mask: (V,) bool. Views where it is False are not shown and may hold any value.
        points: (N, 3) float32, ground-truth surface points in the normalised frame (inside the unit sphere).
        radius: jaw radius in mm, the unit of the normalised frame.
        cameras: (V, 23) float64, see `scans.cameras`; None if unknown.
        normals: (N, 3) float32, outward unit normals at `points`; None if not read.
        labels: (N,) uint8, FDI numbers at `points`, 0 for gingiva or unknown; None if not read.
    """

    id: str
    views: np.ndarray
    view_mask: np.ndarray
    points: np.ndarray
    radius: float
    cameras: np.ndarray | None = None
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
