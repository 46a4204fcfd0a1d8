"""Density-aware Chamfer distance (Wu et al., "Density-aware Chamfer Distance", NeurIPS 2021)."""

import torch


def density_aware_chamfer(
    pred_to_gt: torch.Tensor,
    pred_to_gt_idx: torch.Tensor,
    gt_to_pred: torch.Tensor,
    gt_to_pred_idx: torch.Tensor,
    *,
    alpha: float,
    power: int,
) -> torch.Tensor:
    """Density-aware Chamfer distance of two point clouds, between 0 and 1.

    Mean over both directions of the mean of 1 - exp(-α dᵖ) / n, where d is the distance to the nearest neighbour and n
    the number of points that share this neighbour, so that crowding costs even where every point lies on the surface.
    If there are more points than neighbours, n is divided by their ratio, and is 1 at least (`non_reg` in the paper's
    code). n has no gradient. Two samplings of one surface do not reach 0.

    Args:
        pred_to_gt, pred_to_gt_idx: (N,) distance and index of the ground-truth point nearest to each predicted one.
        gt_to_pred, gt_to_pred_idx: (M,) distance and index of the predicted point nearest to each ground-truth one.
        alpha: α. power: p; the paper's code squares distances and has α = 1000.

    Returns:
        A scalar.
    """
    n, m = len(pred_to_gt), len(gt_to_pred)
    forward = _directed(pred_to_gt, pred_to_gt_idx, m, alpha, power)
    return (forward + _directed(gt_to_pred, gt_to_pred_idx, n, alpha, power)) / 2


def _directed(distances: torch.Tensor, indices: torch.Tensor, count: int, alpha: float, power: int) -> torch.Tensor:
    """Mean of 1 - exp(-α dᵖ) / n over points with these distances to their neighbours among `count` points."""
    ratio = max(1.0, len(indices) / count)
    sharers = torch.bincount(indices, minlength=count)[indices] / ratio
    # Not d ** 1, whose rounding and speed are those of a power.
    cost = distances if power == 1 else distances**power
    return (1 - torch.exp(-alpha * cost) / sharers.clamp(min=1)).mean()
