"""One case as training and prediction see it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Case:
    """A jaw: its pictures and its surface.

    Attributes:
        id: the case's name, used in messages.
        views: (V, H, W) or (V, H, W, 3) uint8, the pictures in the order of the rig, grey or RGB; 0 where absent.
        view_mask: (V,) bool, which of the rig's views the case shows.
        points: (N, 3) float32, points of the true surface in the normalised frame (inside the unit sphere).
        radius: millimetres per unit of the normalised frame.
        cameras: (V, C) float64, a row per view as in the shards; None where nobody asks from where they were taken.
        normals: (N, 3) float32, outward unit normals of the surface at `points`; None where nobody asks for them.
        labels: (N,) uint8, FDI numbers at `points`, 0 for gingiva or unknown; None where nobody asks for them.
    """

    id: str
    views: np.ndarray
    view_mask: np.ndarray
    points: np.ndarray
    radius: float
    cameras: np.ndarray | None = None
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
