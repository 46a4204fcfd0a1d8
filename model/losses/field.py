"""Query sampling, targets and loss terms of the field network."""

from typing import NamedTuple

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, cross_entropy

from model.cases.case import Case
from model.geometry.field import FieldPrediction
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from scans.mesh import LABELS

TERMS = ("signed_distance", "sign", "unsigned_distance", "normal", "label", "radius")

# All lengths are in jaw radii.
SPACING = 0.008  # half the spacing of the ground-truth points: no surface point is farther from its nearest one
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
    case: Case, seed_points: np.ndarray, config: QueryConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sample the query points of a case.

    Args:
        seed_points: (S, 3), see `FieldNetwork`.

    Returns:
        queries: (Q, 3) float32, surface points with noise of all scales, and jittered seed points.
        seeds: (P, 3) float32, jittered seed points that are to be projected first. Q + P = `config.count`.
    """
    n_seeds = round(config.seed_fraction * config.count)
    n_projected = round(config.projected_fraction * config.seed_fraction * config.count)
    surface = case.points[rng.integers(len(case.points), size=config.count - n_seeds)]
    low, high = np.log(config.nearest_spread), np.log(config.farthest_spread)
    spread = np.exp(rng.uniform(low, high, (len(surface), 1)))
    seeds = seed_points[rng.integers(len(seed_points), size=n_seeds)]
    seeds = seeds + rng.uniform(-config.seed_jitter, config.seed_jitter, seeds.shape)
    noisy = surface + spread * rng.standard_normal(surface.shape)
    plain, projected = np.split(seeds, [n_seeds - n_projected])
    return np.concatenate([noisy, plain]).astype(np.float32), projected.astype(np.float32)


def field_targets(case: Case, target: IndexedPoints, points: torch.Tensor) -> FieldTarget:
    """Ground truth at query points, from the nearest of the case's points.

    The signed distance is that to the tangent plane of the nearest point. The unsigned distance is that to the nearest
    point, whose component along the plane is shortened by SPACING, because points sample the surface at random.

    Args:
        case: with normals and labels.
        target: its points.
        points: (Q, 3).

    Returns:
        Without the batch axis.

    Raises:
        ValueError: the case has no normals or labels.
    """
    if case.normals is None or case.labels is None:
        raise ValueError(f"case {case.id} has no normals or labels; read it with surface=True")
    nearest = nearest_neighbours(IndexedPoints.build(points.to(target.points.device)), target).cpu().numpy()
    offset, normals = points.cpu().numpy() - case.points[nearest], case.normals[nearest]
    signed = (offset * normals).sum(axis=1)
    tangential = np.linalg.norm(offset - signed[:, None] * normals, axis=1)
    unsigned = np.hypot(signed, np.maximum(0, tangential - SPACING))
    classes = CLASS_OF[case.labels[nearest]] if case.labels.any() else np.full(len(nearest), -1)
    return FieldTarget(*map(torch.from_numpy, (signed, normals, unsigned, classes)))


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


CLASS_OF = np.full(256, -1)
CLASS_OF[list(LABELS)] = np.arange(len(LABELS))
