"""Triangle meshes with an optional FDI label per vertex."""

from dataclasses import dataclass

import numpy as np

GINGIVA = 0
UPPER_FDI = (*range(11, 19), *range(21, 29))
LOWER_FDI = (*range(31, 39), *range(41, 49))
LABELS = (GINGIVA, *UPPER_FDI, *LOWER_FDI)
"""All labels a vertex may have, in the order of a network's classes."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        vertices: (V, 3) float64, in the units and frame of whoever holds it (prepared: millimetres, Teeth3DS frame:
            crowns to +z, incisors at -y, patient right, FDI 1x, at +x).
        faces: (F, 3) int32, indices into `vertices`, counter-clockwise seen from outside where the scan is oriented.
        labels: (V,) uint8 FDI number per vertex, 0 = gingiva; None where the scan has none.
        notes: what the reader of its file left out or guessed, a sentence each.
    """

    vertices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()
