"""What the field network learns from: points beside the true surface, and the way from each to it."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, cross_entropy

from model.case import Case
from model.field import Answer
from model.neighbours import Cloud, nearest
from scans.mesh import LABELS

NEAREST_SPREAD, FARTHEST_SPREAD = 0.004, 0.08  # of the queries about the surface, jaw radii
SHARE_OF_STARTS = 0.2  # of the queries, that lie where reconstruction starts
START_SPREAD = 0.025  # to either side of these
SPACING = 0.008  # about the distance of true points from each other, half of it from any point of the surface
FAR = 0.03  # jaw radii that count as an error of 1
NEAR = 0.01  # added to a height where its error counts in proportion to it
RELATIVE = 0.3  # weight of such errors beside plain ones
SURE = 0.01  # height from which a point's side of the surface counts in full


class Queries(NamedTuple):
    """Points to ask about, with the true answers.

    Attributes:
        points: (Q, 3) float32. heights: (Q,) float32. normals: (Q, 3) float32. distances: (Q,) float32.
        classes: (Q,) int64, in the order of LABELS; -1 where the case has no labels.
    """

    points: torch.Tensor
    heights: torch.Tensor
    normals: torch.Tensor
    distances: torch.Tensor
    classes: torch.Tensor


def draw_queries(case: Case, truth: Cloud, starts: np.ndarray, count: int, rng: np.random.Generator) -> Queries:
    """Points about a jaw's surface at all scales, and some where reconstruction starts.

    Heights are measured over the plane that touches the nearest true point; the distance is the length of the way to
    that point, of which the part along the surface is shortened by half a spacing, for true points lie there by chance.

    Args:
        case: with normals and labels.
        truth: its points.
        starts: (S, 3), see `FieldNetwork.start_from`.
        count: Q.
    """
    if case.normals is None or case.labels is None:
        raise ValueError(f"case {case.id} has no normals or labels; read it with surface=True")
    from_starts = round(SHARE_OF_STARTS * count)
    about = case.points[rng.integers(len(case.points), size=count - from_starts)]
    spread = np.exp(rng.uniform(np.log(NEAREST_SPREAD), np.log(FARTHEST_SPREAD), (len(about), 1)))
    begun = starts[rng.integers(len(starts), size=from_starts)]
    begun = begun + rng.uniform(-START_SPREAD, START_SPREAD, begun.shape)
    points = np.concatenate([about + spread * rng.standard_normal(about.shape), begun]).astype(np.float32)
    partner = nearest(Cloud.of(torch.from_numpy(points).to(truth.points.device)), truth).cpu().numpy()
    way, normals = points - case.points[partner], case.normals[partner]
    heights = (way * normals).sum(axis=1)
    along = np.linalg.norm(way - heights[:, None] * normals, axis=1)
    distances = np.hypot(heights, np.maximum(0, along - SPACING))
    classes = CLASS_OF[case.labels[partner]] if case.labels.any() else np.full(count, -1)
    return Queries(*map(torch.from_numpy, (points, heights, normals, distances, classes)))


def field_terms(answer: Answer, queries: Queries, radius: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms of the field's loss, unweighted, (B,) each.

    Args:
        answer: about Q queries of each of B cases.
        queries: of B cases, stacked: (B, Q, ...).
        radius: (B,) mm per unit.

    Returns:
        `height`: error of the height in units of FAR, and in proportion to the height itself, which makes near points
            count. `side`: cross entropy of the side of the surface that a point is said to be on.
        `distance`: error of the distance in units of FAR.
        `normal`: 1 - cosine of the angle between normals.
        `label`: cross entropy of the classes; 0 for cases without labels.
        `radius`: error of the logarithm of the radius.
    """
    error = (answer.heights - queries.heights).abs()  # (B, Q)
    size = queries.heights.abs()
    outside = (queries.heights > 0).to(error.dtype)
    side = binary_cross_entropy_with_logits(answer.heights / SURE, outside, reduction="none")
    entropy = cross_entropy(answer.classes.transpose(1, 2), queries.classes, ignore_index=-1, reduction="none")
    return {
        "height": (error / FAR + RELATIVE * error / (size + NEAR)).mean(dim=1),
        "side": (side * (size / SURE).clamp_max(1)).mean(dim=1),
        "distance": (answer.distances - queries.distances).abs().mean(dim=1) / FAR,
        "normal": (1 - cosine_similarity(answer.normals, queries.normals, dim=-1)).mean(dim=1),
        "label": entropy.mean(dim=1),
        "radius": (answer.log_radius - radius.log()).abs(),
    }


CLASS_OF = np.full(256, -1)
CLASS_OF[list(LABELS)] = np.arange(len(LABELS))
