"""Reads the training cases once for what networks are initialised from."""

from collections.abc import Iterator

import numpy as np

from model.cases.dataset import CaseDataset
from model.cases.summary import TrainingSummary
from model.training.mean_shape import choose_clouds, mean_shape
from model.training.seed_points import find_seed_points
from scans.preparing.normalise import center_and_radius, normalise


def summarise(cases: CaseDataset, seed: int) -> TrainingSummary:
    """Statistics of all training cases, from one pass over their points; only the first case's images are decoded.

    Args:
        cases: at least one.
        seed: chooses the clouds of the mean shape, of which at most 200 are kept in memory.
    """
    first = cases[0]
    rng = np.random.default_rng(seed)
    chosen = set(choose_clouds(len(cases), rng).tolist())
    kept: list[np.ndarray] = []

    def clouds() -> Iterator[np.ndarray]:
        for number in range(len(cases)):
            points = cases.points(number)
            if number in chosen:  # for the mean shape in the frame that jaws have without frame jitter
                kept.append(normalise(points, *center_and_radius(points)))
            yield points

    seed_points = find_seed_points(clouds())
    return TrainingSummary(
        image_size=first.views.shape[1],
        views=len(first.views),
        crop=cases.crop,
        mean_shape=mean_shape(kept, len(first.points), rng),
        seed_points=seed_points,
        mean_log_radius=float(np.mean(np.log(cases.radii))),
    )
