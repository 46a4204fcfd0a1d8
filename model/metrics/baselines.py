"""Baselines that predict a training jaw: the one with the most similar views (retrieval), or a random one."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from model.cases.case import Case
from scans.seeds import generator

SIZE = 64  # pixels; larger views are compared at this size


class ViewIndex:
    """The views of the training jaws at a small size, for retrieval.

    Args:
        cases: the training cases.

    Attributes:
        ids: their case ids, in order.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        small = [(case.id, _small(case.views), case.view_mask) for case in cases]
        self.ids: list[str] = [entry[0] for entry in small]
        self._views: list[np.ndarray] = [entry[1] for entry in small]
        self._view_masks: list[np.ndarray] = [entry[2] for entry in small]

    def nearest(self, case: Case) -> int | None:
        """Index of the jaw of least mean squared grey difference over the views that both show.

        Never the case itself; None if no other jaw shares a view with it.
        """
        views = _small(case.views)
        best, found = np.inf, None
        for number, (other, view_mask) in enumerate(zip(self._views, self._view_masks, strict=True)):
            if self.ids[number] == case.id or other.shape != views.shape:
                continue
            both = case.view_mask & view_mask
            if both.any():
                difference = np.square(views[both].astype(np.float32) - other[both]).mean()
                if difference < best:
                    best, found = float(difference), number
        return found


def random_case(case_id: str, ids: Sequence[str], seed: int) -> int | None:
    """Index of a random other jaw among `ids`, from (seed, case id); None if there is no other."""
    others = [number for number, name in enumerate(ids) if name != case_id]
    return int(generator(seed, f"{case_id}/other").choice(others)) if others else None


def _small(views: np.ndarray) -> np.ndarray:
    """(V, h, w) uint8 grey, at most SIZE on a side, of (V, H, W) or (V, H, W, 3) views."""
    grey = views if views.ndim == 3 else views.mean(axis=3).round().astype(np.uint8)
    scale = min(1.0, SIZE / max(grey.shape[1:]))
    size = (max(1, round(scale * grey.shape[2])), max(1, round(scale * grey.shape[1])))
    return np.stack([cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in grey])
