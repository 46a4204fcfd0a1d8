"""Chamfer distance (P1's main term)."""

from collections.abc import Sequence

import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import Pairs, distances, nearest_pairs


def chamfer(
    predicted: torch.Tensor, targets: Sequence[IndexedPoints], pairs: Sequence[Pairs] | None = None
) -> torch.Tensor:
    """Symmetric Chamfer distance of each case: mean of the two directed mean nearest-neighbour distances.

    P1's Chamfer term. Distances are not squared, as in the metrics. The gradient takes the pairing as fixed.

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
        accuracy = distances(cloud, target.points[pred_to_gt]).mean()
        completeness = distances(cloud.index_select(0, gt_to_pred), target.points).mean()
        values.append((accuracy + completeness) / 2)
    return torch.stack(values)
