"""The Chamfer distance (P1's main term)."""

from collections.abc import Sequence

import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.pairs import Pairs, distances, nearest_pairs


def chamfer(
    predicted: torch.Tensor, truths: Sequence[IndexedPoints], pairs: Sequence[Pairs] | None = None
) -> torch.Tensor:
    """Symmetric Chamfer distance of each case: half of (mean distance to the truth + mean distance from it).

    P1's Chamfer term; distances are not squared, as in the metrics, so that far points do not rule. Neighbours are
    exact; the gradient takes them as fixed, and flows to both ends of each pair that lie in the prediction.

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
            (distances(cloud, truth.points[there]).mean() + distances(cloud.index_select(0, back), truth.points).mean())
            / 2
            for cloud, truth, (there, back) in zip(predicted, truths, found, strict=True)
        ]
    )
