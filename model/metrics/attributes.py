"""Metrics of normals and labels of a point cloud."""

import numpy as np

from model.metrics.distances import Comparison


def normal_consistency(comparison: Comparison, pred: np.ndarray, gt: np.ndarray) -> float:
    """Mean absolute cosine between the normals of nearest points, both ways (Mescheder et al. 2019).

    The sign is ignored: open scans have no reliable inside and outside.

    Args:
        pred: (N, 3) unit normals. gt: (M, 3) unit normals.
    """
    forward = np.abs((pred * gt[comparison.pred_to_gt_idx]).sum(axis=1)).mean()
    backward = np.abs((gt * pred[comparison.gt_to_pred_idx]).sum(axis=1)).mean()
    return float(forward + backward) / 2


def label_accuracy(comparison: Comparison, pred: np.ndarray, gt: np.ndarray) -> float:
    """Fraction of ground-truth points whose nearest predicted point has their FDI label; labels (N,) and (M,)."""
    return float((pred[comparison.gt_to_pred_idx] == gt).mean())
