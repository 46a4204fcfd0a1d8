"""The loss terms of a predicted point cloud."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.chamfer import chamfer
from model.losses.density import density
from model.losses.l1 import index_l1, nearest_l1
from model.losses.matched import matched
from model.losses.pairs import nearest_pairs
from model.losses.repulsion import repulsion

PAIR_TERMS = {"chamfer": chamfer, "nearest_l1": nearest_l1, "density": density}
TERMS = (*PAIR_TERMS, "l1", "matched", "repulsion")


def cloud_terms(
    predicted: torch.Tensor,
    targets: Sequence[IndexedPoints],
    weights: Mapping[str, float],
    *,
    points: int,
    progress: float,
    rng: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """The terms of weight above 0, unweighted; the others are not computed.

    Args:
        predicted: (B, N, 3), finite.
        targets: B ground-truth point clouds on the same device.
        weights: by name of the term, see TERMS.
        points: sampled from each cloud by `matched` and `repulsion`.
        progress: fraction of the epochs that are done, by which P2's τ falls.
        rng: samples these points.

    Returns:
        (B,) each.
    """
    terms: dict[str, Callable[[], torch.Tensor]] = {
        "l1": partial(index_l1, predicted, targets),
        "matched": partial(matched, predicted, targets, points=points, progress=progress, rng=rng),
        "repulsion": partial(repulsion, predicted, points=points, rng=rng),
    }
    used = [name for name in TERMS if weights.get(name)]
    if any(name in PAIR_TERMS for name in used):
        pairs = nearest_pairs(predicted, targets)
        terms |= {name: partial(term, predicted, targets, pairs) for name, term in PAIR_TERMS.items()}
    return {name: terms[name]() for name in used}
