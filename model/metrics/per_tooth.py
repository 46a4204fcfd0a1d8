"""Figures of each tooth and of the rest, by the FDI labels of the true points."""

from typing import Any

import numpy as np

from model.metrics.distances import THRESHOLDS
from scans.mesh import GINGIVA

COLUMNS = (
    *(f"precision_{name}" for name in THRESHOLDS),
    *(f"recall_{name}" for name in THRESHOLDS),
    *("accuracy_mm", "completeness_mm"),
)


def per_tooth(
    to_truth: np.ndarray, truth_of: np.ndarray, to_predicted: np.ndarray, labels: np.ndarray, radius: float
) -> list[dict[str, Any]]:
    """Figures per label that the truth has; none where the labels are unknown (all 0).

    A predicted point belongs to the label of its nearest true point.

    Args:
        to_truth, truth_of: (N,) from each predicted point: distance and index of its nearest true point.
        to_predicted: (M,) distance from each true point to its nearest predicted one.
        labels: (M,) uint8 FDI numbers of the true points, 0 = gingiva and palate.
        radius: mm of the jaw's radius.

    Returns:
        Per label, rising: `fdi`; `points`, true ones; `precision_*` and `accuracy_mm`, None where no predicted point
        belongs to it; `recall_*` and `completeness_mm`.
    """
    if not (labels != GINGIVA).any():
        return []
    belongs = labels[truth_of]
    rows = []
    for fdi in np.unique(labels):
        part = _figures(to_truth[belongs == fdi], to_predicted[labels == fdi], radius)
        rows.append({"fdi": int(fdi), **part})
    return rows


def teeth_and_gingiva(
    to_truth: np.ndarray, truth_of: np.ndarray, to_predicted: np.ndarray, labels: np.ndarray, radius: float
) -> dict[str, float | None]:
    """The same over all teeth, `..._teeth`, and gingiva and palate, `..._gingiva`; nothing where labels are unknown."""
    if not (labels != GINGIVA).any():
        return {}
    belongs = labels[truth_of]
    found: dict[str, float | None] = {}
    for name, mine, true in (
        ("teeth", belongs != GINGIVA, labels != GINGIVA),
        ("gingiva", belongs == GINGIVA, labels == GINGIVA),
    ):
        if true.any():
            part = _figures(to_truth[mine], to_predicted[true], radius)
            found |= {f"{figure}_{name}": value for figure, value in part.items() if figure != "points"}
    return found


def _figures(to_truth: np.ndarray, to_predicted: np.ndarray, radius: float) -> dict[str, Any]:
    some = len(to_truth) > 0
    return {
        "points": len(to_predicted),
        **{f"precision_{name}": float((to_truth <= t).mean()) if some else None for name, t in THRESHOLDS.items()},
        **{f"recall_{name}": float((to_predicted <= t).mean()) for name, t in THRESHOLDS.items()},
        "accuracy_mm": float(to_truth.mean()) * radius if some else None,
        "completeness_mm": float(to_predicted.mean()) * radius,
    }
