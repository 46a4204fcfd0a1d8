"""The result of a reconstruction."""

from dataclasses import dataclass

import numpy as np

from scans.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A reconstructed jaw in the normalised frame (crowns +z, incisors -y, patient right, FDI 1x, at +x).

    Attributes:
        points: (N, 3) float32.
        normals: (N, 3) float32, unit length; None if the network predicts no surface.
        labels: (N,) uint8, FDI number of each point, 0 = gingiva; None if the network predicts none.
        mesh: the surface; None if the network predicts points alone.
        radius: predicted jaw radius in mm; None if the network predicts none.
    """

    points: np.ndarray
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
    mesh: Mesh | None = None
    radius: float | None = None
