"""Statistics of the training cases that networks are initialised from."""

from dataclasses import dataclass

import numpy as np

from model.cases.case import Crop


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Statistics of all training cases.

    Attributes:
        image_size: height of a view in pixels.
        views: V, views of the rig.
        crop: what the views show.
        mean_shape: (N, 3) float32, see `model.training.mean_shape`.
        seed_points: (S, 3) float32, see `model.training.seed_points`.
        mean_log_radius: mean natural logarithm of the jaw radii in mm.
    """

    image_size: int
    views: int
    crop: Crop
    mean_shape: np.ndarray
    seed_points: np.ndarray
    mean_log_radius: float
