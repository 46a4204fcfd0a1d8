"""What the field network learns from: points, and the way from each to the true surface."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, cross_entropy

from model.cases.case import Case
from model.geometry.neighbours import Cloud, nearest
from model.networks.field import Answer
from scans.mesh import LABELS

NEAREST_SPREAD, FARTHEST_SPREAD = 0.004, 0.08  # of the queries about the surface, jaw radii
SHARE_OF_STARTS = 0.2  # of the queries, that lie where reconstruction starts
START_SPREAD = 0.025  # to either side of these
SHARE_FLOWING = 0.5  # of these, that first flow where the network has them flow, for there it must know its errors
SPACING = 0.008  # about the distance of true points from each other, half of it from any point of the surface
FAR = 0.03  # jaw radii that count as an error of 1
NEAR = 0.01  # added to a height where its error counts in proportion to it
RELATIVE = 0.3  # weight of such errors beside plain ones
SURE = 0.01  # height from which a point's side of the surface counts in full


class Truth(NamedTuple):
    """The true answers about Q points of each of B cases.

    Attributes:
        heights: (B, Q) float32. normals: (B, Q, 3) float32. distances: (B, Q) float32.
        classes: (B, Q) int64, in the order of LABELS; -1 where the case has no labels.
    """

    heights: torch.Tensor
    normals: torch.Tensor
    distances: torch.Tensor
    classes: torch.Tensor


def draw_queries(case: Case, starts: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(Q, 3) float32: points about a jaw's surface at all scales, then those where reconstruction starts.

    Args:
        starts: (S, 3), see `FieldNetwork.start_from`.
        count: Q, of which SHARE_OF_STARTS come from starts.
    """
    from_starts = round(SHARE_OF_STARTS * count)
    about = case.points[rng.integers(len(case.points), size=count - from_starts)]
    spread = np.exp(rng.uniform(np.log(NEAREST_SPREAD), np.log(FARTHEST_SPREAD), (len(about), 1)))
    begun = starts[rng.integers(len(starts), size=from_starts)]
    begun = begun + rng.uniform(-START_SPREAD, START_SPREAD, begun.shape)
    return np.concatenate([about + spread * rng.standard_normal(about.shape), begun]).astype(np.float32)


def true_answers(case: Case, truth: Cloud, points: torch.Tensor) -> Truth:
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
    partner = nearest(Cloud.of(points.to(truth.points.device)), truth).cpu().numpy()
    way, normals = points.cpu().numpy() - case.points[partner], case.normals[partner]
    heights = (way * normals).sum(axis=1)
    along = np.linalg.norm(way - heights[:, None] * normals, axis=1)
    distances = np.hypot(heights, np.maximum(0, along - SPACING))
    classes = CLASS_OF[case.labels[partner]] if case.labels.any() else np.full(len(partner), -1)
    return Truth(*map(torch.from_numpy, (heights, normals, distances, classes)))


def field_terms(answer: Answer, truth: Truth, radius: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms of the field's loss, unweighted, (B,) each.

    Args:
        answer: about Q points of each of B cases.
        radius: (B,) mm per unit.

    Returns:
        `height`: error of the height in units of FAR, and in proportion to the height itself, which makes near points
            count. `side`: cross entropy of the side of the surface that a point is said to be on.
        `distance`: error of the distance in units of FAR.
        `normal`: 1 - cosine of the angle between normals.
        `label`: cross entropy of the classes; 0 for cases without labels.
        `radius`: error of the logarithm of the radius.
    """
    error = (answer.heights - truth.heights).abs()  # (B, Q)
    size = truth.heights.abs()
    outside = (truth.heights > 0).to(error.dtype)
    side = binary_cross_entropy_with_logits(answer.heights / SURE, outside, reduction="none")
    entropy = cross_entropy(answer.classes.transpose(1, 2), truth.classes, ignore_index=-1, reduction="none")
    return {
        "height": (error / FAR + RELATIVE * error / (size + NEAR)).mean(dim=1),
        "side": (side * (size / SURE).clamp_max(1)).mean(dim=1),
        "distance": (answer.distances - truth.distances).abs().mean(dim=1) / FAR,
        "normal": (1 - cosine_similarity(answer.normals, truth.normals, dim=-1)).mean(dim=1),
        "label": entropy.mean(dim=1),
        "radius": (answer.log_radius - radius.log()).abs(),
    }


CLASS_OF = np.full(256, -1)
CLASS_OF[list(LABELS)] = np.arange(len(LABELS))
