"""Metrics per tooth, and of teeth and gingiva, by the FDI labels of the ground-truth points."""

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
    """Metrics per label of the ground truth; none if the labels are unknown (all 0).

    A predicted point has the label of its nearest ground-truth point.

    Args:
        pred_to_gt, pred_to_gt_idx: (N,) distance and index of the ground-truth point nearest to each predicted one.
        gt_to_pred: (M,) distance from each ground-truth point to its nearest predicted one.
        labels: (M,) uint8 FDI numbers of the ground-truth points, 0 = gingiva and palate.
        radius: jaw radius in mm.

    Returns:
        Per label, rising: `fdi`; `points`, of the ground truth; `precision_*` and `accuracy_mm`, None if no predicted
        point has it; `recall_*` and `completeness_mm`.
    """
    if not (labels != GINGIVA).any():
        return []
    pred_labels = labels[pred_to_gt_idx]
    rows = []
    for fdi in np.unique(labels):
        part = _metrics(pred_to_gt[pred_labels == fdi], gt_to_pred[labels == fdi], radius)
        rows.append({"fdi": int(fdi), **part})
    return rows


def teeth_and_gingiva(
    pred_to_gt: np.ndarray, pred_to_gt_idx: np.ndarray, gt_to_pred: np.ndarray, labels: np.ndarray, radius: float
) -> dict[str, float | None]:
    """The same over all teeth, `..._teeth`, and gingiva and palate, `..._gingiva`; nothing if labels are unknown."""
    if not (labels != GINGIVA).any():
        return {}
    pred_labels = labels[pred_to_gt_idx]
    found: dict[str, float | None] = {}
    for name, in_pred, in_gt in (
        ("teeth", pred_labels != GINGIVA, labels != GINGIVA),
        ("gingiva", pred_labels == GINGIVA, labels == GINGIVA),
    ):
        if in_gt.any():
            part = _metrics(pred_to_gt[in_pred], gt_to_pred[in_gt], radius)
            found |= {f"{metric}_{name}": value for metric, value in part.items() if metric != "points"}
    return found


def _metrics(pred_to_gt: np.ndarray, gt_to_pred: np.ndarray, radius: float) -> dict[str, Any]:
    some = len(pred_to_gt) > 0
    return {
        "points": len(gt_to_pred),
        **{f"precision_{name}": float((pred_to_gt <= t).mean()) if some else None for name, t in THRESHOLDS.items()},
        **{f"recall_{name}": float((gt_to_pred <= t).mean()) for name, t in THRESHOLDS.items()},
        "accuracy_mm": float(pred_to_gt.mean()) * radius if some else None,
        "completeness_mm": float(gt_to_pred.mean()) * radius,
    }
