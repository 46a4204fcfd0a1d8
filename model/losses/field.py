"""What the field network learns from: points, and the way from each to the true surface."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, cross_entropy

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.networks.field import FieldPrediction
from scans.mesh import LABELS

NEAREST_SPREAD, FARTHEST_SPREAD = 0.004, 0.08  # of the queries about the surface, jaw radii
SEED_FRACTION = 0.2  # of the queries, that lie where reconstruction starts
SEED_JITTER = 0.025  # to either side of these
PROJECTED_FRACTION = 0.5  # of these, that first flow where the network has them flow, for there it must know its errors
SPACING = 0.008  # about the distance of true points from each other, half of it from any point of the surface
FAR = 0.03  # jaw radii that count as an error of 1
NEAR = 0.01  # added to a height where its error counts in proportion to it
RELATIVE = 0.3  # weight of such errors beside plain ones
SURE = 0.01  # height from which a point's side of the surface counts in full


class FieldTarget(NamedTuple):
    """The true answers about Q points of each of B cases.

    Attributes:
        signed_distances: (B, Q) float32. normals: (B, Q, 3) float32. distances: (B, Q) float32.
        class_logits: (B, Q) int64, in the order of LABELS; -1 where the case has no labels.
    """

    signed_distances: torch.Tensor
    normals: torch.Tensor
    distances: torch.Tensor
    class_logits: torch.Tensor


def draw_queries(case: Case, seed_points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(Q, 3) float32: points about a jaw's surface at all scales, then those where reconstruction starts.

    Args:
        seed_points: (S, 3), see `FieldNetwork.initialise_from`.
        count: Q, of which SEED_FRACTION come from starts.
    """
    from_starts = round(SEED_FRACTION * count)
    about = case.points[rng.integers(len(case.points), size=count - from_starts)]
    spread = np.exp(rng.uniform(np.log(NEAREST_SPREAD), np.log(FARTHEST_SPREAD), (len(about), 1)))
    begun = seed_points[rng.integers(len(seed_points), size=from_starts)]
    begun = begun + rng.uniform(-SEED_JITTER, SEED_JITTER, begun.shape)
    return np.concatenate([about + spread * rng.standard_normal(about.shape), begun]).astype(np.float32)


def field_targets(case: Case, truth: IndexedPoints, points: torch.Tensor) -> FieldTarget:
    """What is true about points.

    Heights are measured over the plane that touches the nearest true point; the distance is the length of the way to
    that point, of which the part along the surface is shortened by half a spacing, for true points lie there by chance.

    Args:
        case: with normals and labels.
        truth: its points.
        points: (Q, 3).

    Returns:
        Without the first axis.
    """
    if case.normals is None or case.labels is None:
        raise ValueError(f"case {case.id} has no normals or labels; read it with surface=True")
    partner = nearest_neighbours(IndexedPoints.build(points.to(truth.points.device)), truth).cpu().numpy()
    way, normals = points.cpu().numpy() - case.points[partner], case.normals[partner]
    signed_distances = (way * normals).sum(axis=1)
    along = np.linalg.norm(way - signed_distances[:, None] * normals, axis=1)
    distances = np.hypot(signed_distances, np.maximum(0, along - SPACING))
    class_logits = CLASS_OF[case.labels[partner]] if case.labels.any() else np.full(len(partner), -1)
    return FieldTarget(*map(torch.from_numpy, (signed_distances, normals, distances, class_logits)))


def field_terms(answer: FieldPrediction, truth: FieldTarget, radius: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms of the field's loss, unweighted, (B,) each.

    Args:
        answer: about Q points of each of B cases.
        radius: (B,) mm per unit.

    Returns:
        `signed_distance`: error of the height in units of FAR, and in proportion to the height itself, which makes near
            points count. `sign`: cross entropy of the side of the surface that a point is said to be on.
        `unsigned_distance`: error of the distance in units of FAR.
        `normal`: 1 - cosine of the angle between normals.
        `label`: cross entropy of the classes; 0 for cases without labels.
        `radius`: error of the logarithm of the radius.
    """
    error = (answer.signed_distances - truth.signed_distances).abs()  # (B, Q)
    size = truth.signed_distances.abs()
    outside = (truth.signed_distances > 0).to(error.dtype)
    side = binary_cross_entropy_with_logits(answer.signed_distances / SURE, outside, reduction="none")
    entropy = cross_entropy(answer.class_logits.transpose(1, 2), truth.class_logits, ignore_index=-1, reduction="none")
    return {
        "signed_distance": (error / FAR + RELATIVE * error / (size + NEAR)).mean(dim=1),
        "sign": (side * (size / SURE).clamp_max(1)).mean(dim=1),
        "unsigned_distance": (answer.distances - truth.distances).abs().mean(dim=1) / FAR,
        "normal": (1 - cosine_similarity(answer.normals, truth.normals, dim=-1)).mean(dim=1),
        "label": entropy.mean(dim=1),
        "radius": (answer.log_radius - radius.log()).abs(),
    }


CLASS_OF = np.full(256, -1)
CLASS_OF[list(LABELS)] = np.arange(len(LABELS))
