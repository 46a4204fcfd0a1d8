"""The density-aware Chamfer distance (Wu et al., "Density-aware Chamfer Distance", NeurIPS 2021)."""

from collections.abc import Sequence

import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import Pairs, distances, nearest_pairs

ALPHA = 40.0  # per unit: a pair's share has fallen to a quarter at 0.035


def density_aware_chamfer(
    predicted: torch.Tensor, truths: Sequence[IndexedPoints], pairs: Sequence[Pairs] | None = None
) -> torch.Tensor:
    """Density-aware Chamfer distance of each case, between 0 and 1.

    As the paper named above defines it: half of the sum over both directions of the mean of 1 − exp(−α d) / n, with d
    the distance to the nearest neighbour and n the number of points that share this neighbour. So crowding costs even
    where every point lies on the surface. Where there are more points than neighbours, n counts in shares of the mean,
    and is 1 at least (ours). n has no gradient.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.
        pairs: what `nearest_pairs` found, if it is known.

    Returns:
        (B,), without unit.
    """
    found = nearest_pairs(predicted, truths) if pairs is None else pairs
    values = []
    for cloud, truth, (there, back) in zip(predicted, truths, found, strict=True):
        forth = _term(distances(cloud, truth.points[there]), there, len(truth.points))
        values.append((forth + _term(distances(cloud.index_select(0, back), truth.points), back, len(cloud))) / 2)
    return torch.stack(values)


def _term(lengths: torch.Tensor, neighbours: torch.Tensor, count: int) -> torch.Tensor:
    """The mean of 1 − exp(−α d) / n over points with these distances to their neighbours among `count` points."""
    # In shares of the mean where there are more points than neighbours; fewer can't fill them all anyway.
    mean = max(1.0, len(neighbours) / count)
    crowd = torch.bincount(neighbours, minlength=count)[neighbours] / mean
    return (1 - torch.exp(-ALPHA * lengths) / crowd.clamp(min=1)).mean()
