"""Baselines that answer with a training jaw: the one whose pictures are nearest, or any."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from model.cases.case import Case
from scans.seeds import generator

SIZE = 64  # pixels of a picture's side that count, at most


class PictureIndex:
    """Pictures of the training jaws, made small, to look up the nearest.

    Args:
        cases: the training cases.

    Attributes:
        ids: their names, in order.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        small = [(case.id, _small(case.views), case.view_mask) for case in cases]
        self.ids: list[str] = [entry[0] for entry in small]
        self._views: list[np.ndarray] = [entry[1] for entry in small]
        self._present: list[np.ndarray] = [entry[2] for entry in small]

    def nearest(self, case: Case) -> int | None:
        """Number of the jaw whose pictures are nearest: least mean square difference of grey over the views that both
        show. Never the case itself; None where no other jaw shares a view with it."""
        views = _small(case.views)
        best, found = np.inf, None
        for number, (other, view_mask) in enumerate(zip(self._views, self._present, strict=True)):
            if self.ids[number] == case.id or other.shape != views.shape:
                continue
            both = case.view_mask & view_mask
            if both.any():
                difference = np.square(views[both].astype(np.float32) - other[both]).mean()
                if difference < best:
                    best, found = float(difference), number
        return found


def drawn(case_id: str, ids: Sequence[str], seed: int) -> int | None:
    """Number of another jaw among `ids`, by the chance of (seed, case id); None where there is no other."""
    others = [number for number, name in enumerate(ids) if name != case_id]
    return int(generator(seed, f"{case_id}/other").choice(others)) if others else None


def _small(views: np.ndarray) -> np.ndarray:
    """(V, h, w) uint8 grey, at most SIZE on a side, of (V, H, W) or (V, H, W, 3) pictures."""
    grey = views if views.ndim == 3 else views.mean(axis=3).round().astype(np.uint8)
    scale = min(1.0, SIZE / max(grey.shape[1:]))
    size = (max(1, round(scale * grey.shape[2])), max(1, round(scale * grey.shape[1])))
    return np.stack([cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in grey])
