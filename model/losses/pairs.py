"""Nearest neighbours between predicted and ground-truth points; Chamfer and its relatives share one search."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from model.geometry.neighbours import IndexedPoints, nearest_neighbours, nearest_neighbours_of_batch


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

    finite = predicted.detach().float().nan_to_num()
    if predicted.is_cuda:
        clouds = IndexedPoints.build_each(finite)
        forward = nearest_neighbours_of_batch(finite, targets)
        truth = pad_sequence([target.points for target in targets], batch_first=True)
        backward = nearest_neighbours_of_batch(truth, clouds)
        found = zip(forward, backward, targets, strict=True)
        return [Pairs(to_gt, to_pred[: len(target.points)]) for to_gt, to_pred, target in found]

    def pairs(case: int) -> Pairs:
        cloud = IndexedPoints.build_finite(finite[case])
        return Pairs(nearest_neighbours(cloud, targets[case]), nearest_neighbours(targets[case], cloud))

    # The search releases the GIL, so threads share the cases; the result does not depend on their number.
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(targets)))) as pool:
        return list(pool.map(pairs, range(len(targets))))


def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(K,) Euclidean distances of K pairs of points, (K, 3) each."""
    # The gradient of PyTorch's norm at 0 is 0, not NaN.
    return torch.linalg.vector_norm(a - b, dim=1)
