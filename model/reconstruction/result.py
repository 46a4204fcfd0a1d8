"""What a network makes of a jaw's pictures."""

from dataclasses import dataclass

import numpy as np

from scans.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """A reconstructed jaw in the normalised frame (crowns +z, incisors -y, patient right, FDI 1x, at +x).

    Attributes:
        points: (N, 3) float32.
        normals: (N, 3) float32, unit length; None where the network knows no surface.
        labels: (N,) uint8, FDI number of each point, 0 = gingiva; None where the network knows none.
        mesh: the surface; None where the network makes points alone.
        radius: millimetres per unit as the network has it; None where it leaves the size open.
    """

    points: np.ndarray
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
    mesh: Mesh | None = None
    radius: float | None = None
