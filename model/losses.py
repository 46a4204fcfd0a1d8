"""The losses of P1: Chamfer and index-wise L1, weighted by the epoch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from model.neighbours import Cloud, nearest


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What counts from an epoch on.

    Attributes:
        first_epoch: the epoch, from 0, from which these weights hold.
        chamfer: weight of `chamfer`.
        l1: weight of `index_l1`.
    """

    first_epoch: int
    chamfer: float
    l1: float


def weights_at(epoch: int, schedule: Sequence[LossWeights]) -> LossWeights:
    """The weights that hold in an epoch (P1: two stages; P2: the epochs 0, 10 and 25).

    Raises:
        ValueError: no entry starts at epoch 0, or the entries are not in order.
    """
    starts = [entry.first_epoch for entry in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(f"the loss schedule must start at epoch 0 and rise, got first epochs {starts}")
    return [entry for entry in schedule if entry.first_epoch <= epoch][-1]


def loss_terms(predicted: torch.Tensor, truths: Sequence[Cloud], weights: LossWeights) -> dict[str, torch.Tensor]:
    """P1's loss of each case and the terms it consists of.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.
        weights: a term of weight 0 is not computed.

    Returns:
        `loss` and each term that counts, unweighted, (B,) each.

    Raises:
        ValueError: every weight is 0.
    """
    terms = {}
    if weights.chamfer:
        terms["chamfer"] = chamfer(predicted, truths)
    if weights.l1:
        terms["l1"] = index_l1(predicted, truths)
    if not terms:
        raise ValueError("every loss weight is 0")
    return {"loss": sum(getattr(weights, name) * value for name, value in terms.items())} | terms


def chamfer(predicted: torch.Tensor, truths: Sequence[Cloud]) -> torch.Tensor:
    """Symmetric Chamfer distance of each case: half of (mean distance to the truth + mean distance from it).

    P1's Chamfer term; distances are not squared, as in the metrics, so that far points do not rule. Neighbours are
    exact; the gradient takes them as fixed, and flows to both ends of each pair that lie in the prediction.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.

    Returns:
        (B,) in units of the normalised frame.
    """

    def pairs(case: int) -> tuple[torch.Tensor, torch.Tensor]:
        cloud = Cloud.of(predicted[case].detach())
        return nearest(cloud, truths[case]), nearest(truths[case], cloud)

    # The search leaves Python's lock, so threads share the cases; the result does not depend on their number.
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(truths)))) as pool:
        found = list(pool.map(pairs, range(len(truths))))
    return torch.stack(
        [
            (_mean_distance(cloud, truth.points[there]) + _mean_distance(cloud.index_select(0, back), truth.points)) / 2
            for cloud, truth, (there, back) in zip(predicted, truths, found, strict=True)
        ]
    )


def _mean_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # A distance of 0 has no direction, and PyTorch's norm gives it the gradient 0.
    return torch.linalg.vector_norm(a - b, dim=1).mean()


def index_l1(predicted: torch.Tensor, truths: Sequence[Cloud]) -> torch.Tensor:
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
