"""P2's matched term: one-to-one pairs of sampled points, of which the far ones count."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import distances

TAU, TAU_FALL = 0.035, 0.7  # P2: τ = 0.035 · (1 − 0.7 · t / T)


def matched(
    predicted: torch.Tensor, truths: Sequence[IndexedPoints], *, points: int, progress: float, rng: np.random.Generator
) -> torch.Tensor:
    """Mean length of the matched pairs that are longer than τ, of each case; 0 where none is.

    P2's Hungarian-matched, filtered term: points are drawn from both clouds (5,000 in P2), matched one to one with the
    least total distance, and only pairs farther than τ count, where τ = 0.035 · (1 − 0.7 · t / T). P2 does not say what
    the cost is, how the pairs are averaged, or what t counts; ours: distances that are not squared, the mean over the
    pairs that count, epochs. The matching is exact and has no gradient.

    Args:
        predicted: (B, N, 3), finite.
        truths: B clouds on the same device.
        points: drawn from each cloud, without repetition; all where a cloud has no more.
        progress: t / T in 0..1.
        rng: draws the points.

    Returns:
        (B,) in units of the normalised frame.
    """
    threshold = TAU * (1 - TAU_FALL * progress)
    values = []
    for cloud, truth in zip(predicted, truths, strict=True):
        count = min(points, len(cloud), len(truth.points))
        a = cloud[_drawn(len(cloud), count, rng).to(cloud.device)]
        b = truth.points[_drawn(len(truth.points), count, rng).to(cloud.device)]
        # The matrix product that cdist prefers cancels digits.
        costs = torch.cdist(a.detach(), b, compute_mode="donot_use_mm_for_euclid_dist")
        _, partners = linear_sum_assignment(costs.cpu().numpy())
        lengths = distances(a, b[torch.from_numpy(partners).to(cloud.device)])  # (count,)
        far = lengths > threshold
        values.append((lengths * far).sum() / far.sum().clamp(min=1))
    return torch.stack(values)


def _drawn(count: int, wanted: int, rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.permutation(count)[:wanted])
