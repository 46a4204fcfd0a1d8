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
    pred_to_gt: np.ndarray, pred_to_gt_idx: np.ndarray, gt_to_pred: np.ndarray, labels: np.ndarray, radius: float
) -> list[dict[str, Any]]:
    """Figures per label that the truth has; none where the labels are unknown (all 0).

    A predicted point belongs to the label of its nearest true point.

    Args:
        pred_to_gt, pred_to_gt_idx: (N,) from each predicted point: distance and index of its nearest true point.
        gt_to_pred: (M,) distance from each true point to its nearest predicted one.
        labels: (M,) uint8 FDI numbers of the true points, 0 = gingiva and palate.
        radius: mm of the jaw's radius.

    Returns:
        Per label, rising: `fdi`; `points`, true ones; `precision_*` and `accuracy_mm`, None where no predicted point
        belongs to it; `recall_*` and `completeness_mm`.
    """
    if not (labels != GINGIVA).any():
        return []
    belongs = labels[pred_to_gt_idx]
    rows = []
    for fdi in np.unique(labels):
        part = _figures(pred_to_gt[belongs == fdi], gt_to_pred[labels == fdi], radius)
        rows.append({"fdi": int(fdi), **part})
    return rows


def teeth_and_gingiva(
    pred_to_gt: np.ndarray, pred_to_gt_idx: np.ndarray, gt_to_pred: np.ndarray, labels: np.ndarray, radius: float
) -> dict[str, float | None]:
    """The same over all teeth, `..._teeth`, and gingiva and palate, `..._gingiva`; nothing where labels are unknown."""
    if not (labels != GINGIVA).any():
        return {}
    belongs = labels[pred_to_gt_idx]
    found: dict[str, float | None] = {}
    for name, mine, true in (
        ("teeth", belongs != GINGIVA, labels != GINGIVA),
        ("gingiva", belongs == GINGIVA, labels == GINGIVA),
    ):
        if true.any():
            part = _figures(pred_to_gt[mine], gt_to_pred[true], radius)
            found |= {f"{figure}_{name}": value for figure, value in part.items() if figure != "points"}
    return found


def _figures(pred_to_gt: np.ndarray, gt_to_pred: np.ndarray, radius: float) -> dict[str, Any]:
    some = len(pred_to_gt) > 0
    return {
        "points": len(gt_to_pred),
        **{f"precision_{name}": float((pred_to_gt <= t).mean()) if some else None for name, t in THRESHOLDS.items()},
        **{f"recall_{name}": float((gt_to_pred <= t).mean()) for name, t in THRESHOLDS.items()},
        "accuracy_mm": float(pred_to_gt.mean()) * radius if some else None,
        "completeness_mm": float(gt_to_pred.mean()) * radius,
    }
