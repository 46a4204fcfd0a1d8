"""What the parsers of this package return and raise; `read_mesh` turns both into what the rest of the house knows."""

from dataclasses import dataclass

import numpy as np


class MalformedError(ValueError):
    """The bytes are no usable mesh; the message is the reason, without the file's name."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a mesh file.

    Attributes:
        vertices: (V, 3) float64, in the file's order.
        faces: (F, 3) int32, indices into `vertices`.
        labels: (V,) numbers, unchecked; None where the file has none on its vertices.
        face_labels: (F,) numbers, unchecked; None where the file has none on its faces.
        notes: what of the file was left out or guessed, a sentence each.
    """

    vertices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray | None = None
    face_labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()
