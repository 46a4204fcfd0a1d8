"""What a network is trained for: the loss of a batch, whatever the network predicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.losses.chamfer import chamfer
from model.losses.density import density_aware_chamfer
from model.losses.field import PROJECTED_FRACTION, SEED_FRACTION, FieldTarget, draw_queries, field_targets, field_terms
from model.losses.l1 import index_l1, nearest_l1
from model.losses.matched import matched
from model.losses.pairs import nearest_pairs
from model.losses.repulsion import repulsion
from model.losses.schedule import LossWeights
from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork
from scans.errors import UserError

OF_PAIRS = {"chamfer": chamfer, "nearest_l1": nearest_l1, "density": density_aware_chamfer}
CLOUD_TERMS = (*OF_PAIRS, "l1", "matched", "repulsion")
FIELD_TERMS = ("signed_distance", "sign", "unsigned_distance", "normal", "label", "radius")


@dataclass(frozen=True, slots=True)
class Batch:
    """B cases on the network's device.

    Attributes:
        cases: as they were read.
        views: (B, V, H, W) or (B, V, H, W, 3) uint8.
        view_mask: (B, V) bool, the views that the network may see.
        cameras: (B, V, C) float64 as in the shards; None where the cases have none.
        truths: B clouds.
    """

    cases: Sequence[Case]
    views: torch.Tensor
    view_mask: torch.Tensor
    cameras: torch.Tensor | None
    truths: Sequence[IndexedPoints]


def loss_terms(
    module: Callable[..., Any],
    network: nn.Module,
    batch: Batch,
    weights: LossWeights,
    rng: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """The loss of each case and the terms it consists of.

    Args:
        module: the network as Fabric has wrapped it; it is called, and nothing else, so that processes stay together.
        network: the same network bare; its kind decides which terms there are.
        batch: see there.
        weights: a term of weight 0 is not computed.
        rng: where terms need chance.

    Returns:
        `loss` and each term that counts, unweighted, (B,) each.

    Raises:
        UserError: a prediction or the loss is not finite (names the cases), or no term that counts is one of this kind
            of network.
    """
    if isinstance(network, FieldNetwork):
        terms = _field_terms(module, network, batch, weights, rng)
        return _weighted(
            {name: value for name, value in terms.items() if weights.terms.get(name)}, weights, batch.cases
        )
    if not isinstance(network, CloudNetwork):
        raise TypeError(f"no objective for {type(network).__name__}")
    predicted = module(batch.views, batch.view_mask)  # (B, N, 3)
    stop_unless_finite(predicted, "the prediction", batch.cases)
    return _weighted(_cloud_terms(predicted, batch.truths, weights, rng), weights, batch.cases)


def _field_terms(
    module: Callable[..., Any], network: FieldNetwork, batch: Batch, weights: LossWeights, rng: np.random.Generator
) -> dict[str, torch.Tensor]:
    if batch.cameras is None:
        raise ValueError("a field learns from cases with cameras alone")
    seed_points = network.seed_points.cpu().numpy()
    queries = np.stack([draw_queries(case, seed_points, weights.query_points, rng) for case in batch.cases])
    device = batch.views.device
    shown = batch.view_mask.any(dim=0)  # what no case of the step shows costs nothing
    answer = module(
        batch.views[:, shown],
        batch.view_mask[:, shown],
        batch.cameras[:, shown],
        torch.from_numpy(queries).to(device),
        n_projected=round(PROJECTED_FRACTION * SEED_FRACTION * weights.query_points),
    )
    stop_unless_finite(answer.signed_distances, "the prediction", batch.cases)
    asked = answer.points.detach()
    answers = [field_targets(*each) for each in zip(batch.cases, batch.truths, asked, strict=True)]
    truth = FieldTarget(*(torch.stack(column).to(device) for column in zip(*answers, strict=True)))
    radius = torch.tensor([case.radius for case in batch.cases], dtype=torch.float32, device=device)
    return field_terms(answer, truth, radius)


def _cloud_terms(
    predicted: torch.Tensor, truths: Sequence[IndexedPoints], weights: LossWeights, rng: np.random.Generator
) -> dict[str, torch.Tensor]:
    found: dict[str, Callable[[], torch.Tensor]] = {
        "l1": partial(index_l1, predicted, truths),
        "matched": partial(matched, predicted, truths, points=weights.points, progress=weights.progress, rng=rng),
        "repulsion": partial(repulsion, predicted, points=weights.points, rng=rng),
    }
    asked = [name for name in CLOUD_TERMS if weights.terms.get(name)]
    if any(name in OF_PAIRS for name in asked):
        pairs = nearest_pairs(predicted, truths)
        found |= {name: partial(term, predicted, truths, pairs) for name, term in OF_PAIRS.items()}
    return {name: found[name]() for name in asked}


def _weighted(terms: dict[str, torch.Tensor], weights: LossWeights, cases: Sequence[Case]) -> dict[str, torch.Tensor]:
    if not terms:
        named = ", ".join(name for name, weight in weights.terms.items() if weight) or "none"
        raise UserError(
            f"train.loss: no term that counts ({named}) is one of this network; "
            f"a cloud has {', '.join(CLOUD_TERMS)}, a field {', '.join(FIELD_TERMS)}"
        )
    loss = torch.stack([weights.terms[name] * value for name, value in terms.items()]).sum(dim=0)
    stop_unless_finite(loss, "the loss", cases)
    return {"loss": loss} | terms


def stop_unless_finite(values: torch.Tensor, what: str, cases: Sequence[Case]) -> None:
    """Stop training where `values` (B, ...) are not all finite.

    Raises:
        UserError: names the cases.
    """
    finite = torch.isfinite(values).flatten(1).all(dim=1) if values.ndim > 1 else torch.isfinite(values)
    if not finite.all():
        names = ", ".join(case.id for case, good in zip(cases, finite.tolist(), strict=True) if not good)
        raise UserError(
            f"training stopped: {what} is not finite for {names}. Look at these cases, or lower train.learning_rate"
        )
