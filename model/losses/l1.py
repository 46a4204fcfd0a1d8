"""L1 distances between point clouds: by index, as published, and between nearest neighbours."""

from collections.abc import Sequence

import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import Pairs, nearest_pairs


def index_l1(predicted: torch.Tensor, targets: Sequence[IndexedPoints]) -> torch.Tensor:
    """L1 distance between the i-th predicted and the i-th ground-truth point, mean over coordinates, of each case.

    P1's and P2's L1 term as published. It carries no signal: the clouds have no common order, and it pulls every point
    to the middle of the jaw. Of a larger ground truth the first N points are used.

    Args:
        predicted: (B, N, 3).
        targets: B ground-truth point clouds of at least N points.

    Returns:
        (B,) in units of the normalised frame.

    Raises:
        ValueError: a ground truth has fewer than N points.
    """
    count = predicted.shape[1]
    if any(len(target.points) < count for target in targets):
        raise ValueError(f"index-wise L1 needs {count} ground-truth points, one for each predicted point")
    return torch.stack([(cloud - t.points[:count]).abs().mean() for cloud, t in zip(predicted, targets, strict=True)])


def nearest_l1(
    predicted: torch.Tensor, targets: Sequence[IndexedPoints], pairs: Sequence[Pairs] | None = None
) -> torch.Tensor:
    """L1 distance between nearest neighbours, mean over coordinates and both directions, of each case (ours).

    With the direction from predicted to ground-truth points alone, all points could gather in one.

    Args:
        predicted: (B, N, 3), finite.
        targets: B ground-truth point clouds on the same device.
        pairs: result of `nearest_pairs`, if known.

    Returns:
        (B,) in units of the normalised frame.
    """
    pairs = nearest_pairs(predicted, targets) if pairs is None else pairs
    values = []
    for cloud, target, (pred_to_gt, gt_to_pred) in zip(predicted, targets, pairs, strict=True):
        forward = (cloud - target.points[pred_to_gt]).abs().mean()
        values.append((forward + (cloud.index_select(0, gt_to_pred) - target.points).abs().mean()) / 2)
    return torch.stack(values)
