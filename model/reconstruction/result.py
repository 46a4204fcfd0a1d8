"""The result of a reconstruction."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from scans.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Confidence:
    """How far each of N points can be trusted.

    Attributes:
        views_seen: (N,) uint8, number of views that see it, by a depth test against the reconstructed surface. What no
            view sees is a guess from the training jaws.
        expected_error: (N,) float32, calibrated expectation of its distance to the true surface, in jaw radii; None if
            the network has no error head.
    """

    views_seen: np.ndarray
    expected_error: np.ndarray | None = None

    def at(self, index: np.ndarray) -> Self:
        """The confidence of some of the points, in the order of their indices."""
        return type(self)(self.views_seen[index], None if self.expected_error is None else self.expected_error[index])


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A reconstructed jaw in the normalised frame (crowns +z, incisors -y, patient right, FDI 1x, at +x).

    Attributes:
        points: (N, 3) float32.
        normals: (N, 3) float32, unit length; None if the network predicts no surface.
        labels: (N,) uint8, FDI number of each point, 0 = gingiva; None if the network predicts none.
        mesh: the surface; None if the network predicts points alone.
        radius: predicted jaw radius in mm; None if the network predicts none.
        confidence: of the points, vertex_confidence: of the mesh's vertices; None without mesh.
        evidence: (V, E) float32, what an error head knows of each vertex (`model.reconstruction.evidence`); None
            without mesh.
        left_out: fraction of the surface's faces that were left out, since no view sees them and their expected error
            is large.
    """

    points: np.ndarray
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
    mesh: Mesh | None = None
    radius: float | None = None
    confidence: Confidence | None = None
    vertex_confidence: Confidence | None = None
    evidence: np.ndarray | None = None
    left_out: float = 0.0
