"""Which predicted and true points belong together; Chamfer and its relatives share one search."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours


class Pairs(NamedTuple):
    """The nearest neighbours of a case, both ways; no gradient.

    Attributes:
        there: (N,) int64, the true point nearest to each predicted one.
        back: (M,) int64, the predicted point nearest to each true one.
    """

    there: torch.Tensor
    back: torch.Tensor


def nearest_pairs(predicted: torch.Tensor, truths: Sequence[IndexedPoints]) -> list[Pairs]:
    """The exact neighbours of each case.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.
    """

    def pairs(case: int) -> Pairs:
        cloud = IndexedPoints.build(predicted[case].detach())
        return Pairs(nearest_neighbours(cloud, truths[case]), nearest_neighbours(truths[case], cloud))

    # The search leaves Python's lock, so threads share the cases; the result does not depend on their number.
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(truths)))) as pool:
        return list(pool.map(pairs, range(len(truths))))


def distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(K,) Euclidean distances of K pairs of points, (K, 3) each."""
    # A distance of 0 has no direction, and PyTorch's norm gives it the gradient 0.
    return torch.linalg.vector_norm(a - b, dim=1)
