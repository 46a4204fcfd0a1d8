"""L1 between clouds: by index, as the papers have it, and between points that belong together."""

from collections.abc import Sequence

import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import Pairs, nearest_pairs


def index_l1(predicted: torch.Tensor, truths: Sequence[IndexedPoints]) -> torch.Tensor:
    """L1 between the i-th predicted and the i-th true point, mean over coordinates, of each case.

    P1's and P2's L1 term as published. As published it carries no signal: the clouds have no common order, and it pulls
    every point to the middle of the jaw. Where the truth has more points, its first N count.

    Args:
        predicted: (B, N, 3).
        truths: B clouds of at least N points.

    Returns:
        (B,) in units of the normalised frame.

    Raises:
        ValueError: a truth has fewer points than the prediction.
    """
    count = predicted.shape[1]
    if any(len(truth.points) < count for truth in truths):
        raise ValueError(f"index-wise L1 needs {count} true points, one for each predicted point")
    return torch.stack([(cloud - t.points[:count]).abs().mean() for cloud, t in zip(predicted, truths, strict=True)])


def nearest_l1(
    predicted: torch.Tensor, truths: Sequence[IndexedPoints], pairs: Sequence[Pairs] | None = None
) -> torch.Tensor:
    """L1 between nearest neighbours, mean over coordinates, of each case: L1 with correspondence, ours.

    A predicted point's correspondent is its nearest true point, and a true point's its nearest predicted one. Both
    count by half, as in Chamfer; with the first alone, all points could gather in one true one.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.
        pairs: what `nearest_pairs` found, if it is known.

    Returns:
        (B,) in units of the normalised frame.
    """
    found = nearest_pairs(predicted, truths) if pairs is None else pairs
    return torch.stack(
        [
            ((cloud - truth.points[there]).abs().mean() + (cloud.index_select(0, back) - truth.points).abs().mean()) / 2
            for cloud, truth, (there, back) in zip(predicted, truths, found, strict=True)
        ]
    )
