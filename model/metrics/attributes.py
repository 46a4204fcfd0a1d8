"""Metrics of what a point carries: its normal and its label."""

import numpy as np

from model.metrics.distances import Comparison


def normal_consistency(comparison: Comparison, predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean |cosine| between the normals of nearest points, both ways (Mescheder et al. 2019, Occupancy Networks).

    The sign is left out: open scans say nothing reliable of inside and outside.

    Args:
        predicted: (N, 3) unit normals. truth: (M, 3) unit normals.
    """
    there = np.abs((predicted * truth[comparison.pred_to_gt_idx]).sum(axis=1)).mean()
    back = np.abs((truth * predicted[comparison.gt_to_pred_idx]).sum(axis=1)).mean()
    return float(there + back) / 2


def label_accuracy(comparison: Comparison, predicted: np.ndarray, truth: np.ndarray) -> float:
    """Share of true points whose nearest predicted point has their FDI label; labels (N,) and (M,)."""
    return float((predicted[comparison.gt_to_pred_idx] == truth).mean())
