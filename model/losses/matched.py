"""P2's matched term: one-to-one pairs of sampled points, of which the distant ones count."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import distances

TAU, TAU_FALL = 0.035, 0.7  # P2: τ = 0.035 · (1 − 0.7 · t / T)


def matched(
    predicted: torch.Tensor, targets: Sequence[IndexedPoints], *, points: int, progress: float, rng: np.random.Generator
) -> torch.Tensor:
    """Mean length of the matched pairs longer than τ, of each case; 0 if there is none.

    P2's Hungarian-matched, filtered term: points are sampled from both clouds (5,000 in P2) and matched one to one with
    the least total distance; only pairs longer than τ = 0.035 · (1 − 0.7 · t / T) count. P2 names neither the cost, nor
    how pairs are averaged, nor what t counts; ours: distances that are not squared, the mean over the pairs that count,
    epochs. The matching is exact and has no gradient.

    Args:
        predicted: (B, N, 3), finite.
        targets: B ground-truth point clouds on the same device.
        points: sampled from each cloud without replacement; all of a smaller cloud.
        progress: t / T in 0..1.
        rng: samples the points.

    Returns:
        (B,) in units of the normalised frame.
    """
    threshold = TAU * (1 - TAU_FALL * progress)
    values = []
    for cloud, target in zip(predicted, targets, strict=True):
        count = min(points, len(cloud), len(target.points))
        a = cloud[_sample(len(cloud), count, rng).to(cloud.device)]
        b = target.points[_sample(len(target.points), count, rng).to(cloud.device)]
        # The matrix product that cdist prefers cancels digits.
        costs = torch.cdist(a.detach(), b, compute_mode="donot_use_mm_for_euclid_dist")
        _, partners = linear_sum_assignment(costs.nan_to_num().cpu().numpy())
        lengths = distances(a, b[torch.from_numpy(partners).to(cloud.device)])  # (count,)
        distant = lengths > threshold
        values.append((lengths * distant).sum() / distant.sum().clamp(min=1))
    return torch.stack(values)


def _sample(count: int, size: int, rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.permutation(count)[:size])
