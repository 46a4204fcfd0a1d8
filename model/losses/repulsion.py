"""P2's repulsion: predicted points closer than a minimum distance are penalised."""

import numpy as np
import torch

NEIGHBOURS, SPACING = 5, 0.015  # P2: k and d_min
ROWS = 1024  # points whose distances to all others are in memory at once


def repulsion(predicted: torch.Tensor, *, points: int, rng: np.random.Generator) -> torch.Tensor:
    """Mean of max(0, d_min − d) over the k nearest neighbours of sampled points, of each case.

    P2's repulsion with k = 5 and d_min = 0.015. P2 names neither the penalty nor the points; ours: a hinge, as in
    PU-Net, among as many points as its matched term samples. In the whole cloud even blue noise would be penalised:
    50,000 points lie closer than d_min.

    Args:
        predicted: (B, N, 3), finite.
        points: sampled from each cloud without replacement; all of a smaller cloud.
        rng: samples the points.

    Returns:
        (B,) in units of the normalised frame.

    Raises:
        ValueError: k points or fewer.
    """
    count = min(points, predicted.shape[1])
    if count <= NEIGHBOURS:
        raise ValueError(f"repulsion needs more than {NEIGHBOURS} points, got {count}")
    values = []
    for cloud in predicted:
        sampled = cloud[torch.from_numpy(rng.permutation(len(cloud))[:count]).to(cloud.device)]  # (count, 3)
        gaps = torch.linalg.vector_norm(sampled[:, None] - sampled[_neighbours(sampled.detach())], dim=-1)  # (count, k)
        values.append((SPACING - gaps).clamp(min=0).mean())
    return torch.stack(values)


def _neighbours(points: torch.Tensor) -> torch.Tensor:
    """(N, k) int64, the nearest other points of each, by brute force."""
    found = []
    for start in range(0, len(points), ROWS):
        part = points[start : start + ROWS]
        gaps = torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist")
        own = torch.arange(len(part), device=points.device)
        gaps[own, own + start] = torch.inf
        found.append(gaps.topk(NEIGHBOURS, largest=False).indices)
    return torch.cat(found)
