"""Query sampling, targets and loss terms of the field network."""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, cross_entropy

from model.cases.batch import Batch
from model.geometry.field import FieldPrediction
from model.geometry.neighbours import IndexedPoints, nearest_neighbours_of_batch
from model.geometry.surface_distance import distances_to_plane
from scans.mesh import LABELS

TERMS = ("signed_distance", "sign", "unsigned_distance", "normal", "label", "radius")

# All lengths are in jaw radii.
FAR = 0.03  # an error of this size counts 1
NEAR = 0.01  # added to the distance that an error is divided by
RELATIVE = 0.3  # weight of the relative error
SURE = 0.01  # distance from the surface from which the sign counts in full


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class QueryConfig:
    """How the query points of a training step are sampled. Lengths are in jaw radii.

    Attributes:
        count: query points per case and step.
        nearest_spread, farthest_spread: bounds of the standard deviation of the normal noise that is added to surface
            points; log-uniform between them.
        seed_fraction: fraction of the query points that are sampled about seed points, where reconstruction starts.
        seed_jitter: bound of the uniform noise that is added to these, along each axis.
        projected_fraction: fraction of the latter that are first projected onto the predicted surface, so that the loss
            covers the points that reconstruction visits.
    """

    count: int
    nearest_spread: float
    farthest_spread: float
    seed_fraction: float
    seed_jitter: float
    projected_fraction: float


class FieldTarget(NamedTuple):
    """Ground truth at Q query points of each of B cases.

    Attributes:
        signed_distances: (B, Q) float32. normals: (B, Q, 3) float32. unsigned_distances: (B, Q) float32.
        classes: (B, Q) int64, index into LABELS; -1 if the case has no labels.
    """

    signed_distances: torch.Tensor
    normals: torch.Tensor
    unsigned_distances: torch.Tensor
    classes: torch.Tensor


def sample_queries(
    surface: torch.Tensor, seed_points: torch.Tensor, config: QueryConfig, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample the query points of B cases, on their device.

    Args:
        surface: (B, N, 3), ground-truth points.
        seed_points: (S, 3), see `FieldNetwork`.
        generator: on the same device.

    Returns:
        queries: (B, Q, 3), surface points with noise of all scales, and jittered seed points.
        seeds: (B, P, 3), jittered seed points that are to be projected first. Q + P = `config.count`.
    """
    n_seeds = round(config.seed_fraction * config.count)
    n_projected = round(config.projected_fraction * config.seed_fraction * config.count)
    cases, device = len(surface), surface.device

    def choose(among: int, count: int) -> torch.Tensor:
        return torch.randint(among, (cases, count), generator=generator, device=device)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(cases, *shape, generator=generator, device=device)

    near = take_points(surface, choose(surface.shape[1], config.count - n_seeds))
    spread = uniform(math.log(config.nearest_spread), math.log(config.farthest_spread), near.shape[1], 1).exp()
    noisy = near + spread * torch.randn(near.shape, generator=generator, device=device)
    seeds = seed_points[choose(len(seed_points), n_seeds)]
    seeds = seeds + uniform(-config.seed_jitter, config.seed_jitter, n_seeds, 3)
    plain, projected = seeds.split([n_seeds - n_projected, n_projected], dim=1)
    return torch.cat([noisy, plain], dim=1), projected


def take_points(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(B, Q, C), rows `index` (B, Q) of `values` (B, N, C)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))


def field_targets(batch: Batch, targets: Sequence[IndexedPoints], points: torch.Tensor) -> FieldTarget:
    """Ground truth at query points, from the nearest of each case's points.

    The distances are those of `model.geometry.surface_distance`.

    Args:
        batch: B cases with normals and labels.
        targets: their points.
        points: (B, Q, 3) on the same device. At points that are not finite the result is not, either.

    Raises:
        ValueError: the cases have no normals or labels.
    """
    if batch.normals is None or batch.labels is None:
        raise ValueError("cases have no normals or labels; read them with surface=True")
    nearest = nearest_neighbours_of_batch(points, targets)  # (B, Q)
    offset, normals = points - take_points(batch.points, nearest), take_points(batch.normals, nearest)
    signed, unsigned = distances_to_plane(offset, normals)
    classes = _class_of(points.device)[batch.labels.gather(1, nearest).int()]
    labelled = (batch.labels > 0).any(dim=1, keepdim=True)
    return FieldTarget(signed, normals, unsigned, torch.where(labelled, classes, -1))


def field_terms(
    prediction: FieldPrediction, target: FieldTarget, log_radius: torch.Tensor, radius: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The loss terms of a field, unweighted, (B,) each.

    Args:
        prediction, target: at Q query points of each of B cases.
        log_radius: (B,) predicted. radius: (B,) ground truth in mm.

    Returns:
        `signed_distance`: absolute error in units of FAR, plus the error relative to the distance, by which points near
            the surface count more.
        `sign`: binary cross entropy of the sign (outside or inside), which counts less near the surface.
        `unsigned_distance`: absolute error in units of FAR.
        `normal`: 1 - cosine similarity.
        `label`: cross entropy; 0 for cases without labels.
        `radius`: absolute error of the logarithm.
    """
    error = (prediction.signed_distances - target.signed_distances).abs()  # (B, Q)
    distance = target.signed_distances.abs()
    outside = (target.signed_distances > 0).to(error.dtype)
    sign = binary_cross_entropy_with_logits(prediction.signed_distances / SURE, outside, reduction="none")
    entropy = cross_entropy(prediction.class_logits.transpose(1, 2), target.classes, ignore_index=-1, reduction="none")
    return {
        "signed_distance": (error / FAR + RELATIVE * error / (distance + NEAR)).mean(dim=1),
        "sign": (sign * (distance / SURE).clamp_max(1)).mean(dim=1),
        "unsigned_distance": (prediction.unsigned_distances - target.unsigned_distances).abs().mean(dim=1) / FAR,
        "normal": (1 - cosine_similarity(prediction.normals, target.normals, dim=-1)).mean(dim=1),
        "label": entropy.mean(dim=1),
        "radius": (log_radius - radius.log()).abs(),
    }


@cache
def _class_of(device: torch.device) -> torch.Tensor:
    """(256,) int64, index into LABELS of each FDI number."""
    classes = torch.full((256,), -1)
    classes[list(LABELS)] = torch.arange(len(LABELS))
    return classes.to(device)
