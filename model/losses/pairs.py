"""Nearest neighbours between predicted and ground-truth points; Chamfer and its relatives share one search."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours_of_each


class Pairs(NamedTuple):
    """The nearest neighbours of a case in both directions; without gradient.

    Attributes:
        pred_to_gt: (N,) int64, index of the ground-truth point nearest to each predicted one.
        gt_to_pred: (M,) int64, index of the predicted point nearest to each ground-truth one.
    """

    pred_to_gt: torch.Tensor
    gt_to_pred: torch.Tensor


def nearest_pairs(predicted: torch.Tensor, targets: Sequence[IndexedPoints]) -> list[Pairs]:
    """The exact nearest neighbours of each case.

    Args:
        predicted: (B, N, 3). A point that is not finite gets any partner.
        targets: B ground-truth point clouds on the same device.
    """
    clouds = IndexedPoints.build_each(predicted.detach().float().nan_to_num())
    both = nearest_neighbours_of_each(clouds, targets), nearest_neighbours_of_each(targets, clouds)
    return [Pairs(*found) for found in zip(*both, strict=True)]


def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(K,) Euclidean distances of K pairs of points, (K, 3) each."""
    # The gradient of PyTorch's norm at 0 is 0, not NaN.
    return torch.linalg.vector_norm(a - b, dim=1)
