"""A distance field at query points, as a network predicts it."""

from typing import NamedTuple

import torch
from torch.nn.functional import normalize


class FieldPrediction(NamedTuple):
    """Predictions at Q query points of each of B jaws.

    Attributes:
        points: (B, Q, 3), the query points.
        signed_distances: (B, Q) signed distance to the tangent plane of the nearest surface point, positive outside.
        normals: (B, Q, 3) outward normal of the surface there, of any length.
        unsigned_distances: (B, Q) distance to the nearest surface point; beyond a border more than the signed one.
        class_logits: (B, Q, 33) logits of the FDI label there, in the order of `scans.mesh.LABELS`.
    """

    points: torch.Tensor
    signed_distances: torch.Tensor
    normals: torch.Tensor
    unsigned_distances: torch.Tensor
    class_logits: torch.Tensor

    @property
    def projected(self) -> torch.Tensor:
        """(B, Q, 3) the query points projected onto these tangent planes."""
        return self.points - self.signed_distances[..., None] * normalize(self.normals, dim=-1)


def mean_prediction(first: FieldPrediction, second: FieldPrediction) -> FieldPrediction:
    """The mean of two predictions at the same points; of the normals, the mean of those of unit length."""
    return FieldPrediction(
        first.points,
        (first.signed_distances + second.signed_distances) / 2,
        (normalize(first.normals, dim=-1) + normalize(second.normals, dim=-1)) / 2,
        (first.unsigned_distances + second.unsigned_distances) / 2,
        (first.class_logits + second.class_logits) / 2,
    )
