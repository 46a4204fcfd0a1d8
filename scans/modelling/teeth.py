"""The teeth of a labelled jaw, one mesh each."""

import numpy as np

from scans.mesh import GINGIVA, Mesh
from scans.modelling.parts import components, face_labels, joined, some_faces, without_specks


def teeth(mesh: Mesh) -> tuple[dict[int, Mesh], list[str]]:
    """The crown of each tooth, open at the neck and at its contacts: the faces that are mostly its own, without specks.

    Args:
        mesh: with labels, in mm.

    Returns:
        the crowns by FDI number, without labels; what was left out, a sentence for each tooth.
    """
    labels = face_labels(mesh)
    found: dict[int, Mesh] = {}
    said: list[str] = []
    for number in np.unique(labels[labels != GINGIVA]).tolist():
        dropped: list[str] = []
        crown = joined(without_specks(components(some_faces(mesh, labels == number)), dropped))
        found[number] = Mesh(crown.vertices, crown.faces)
        said += [f"tooth {number}: {note}" for note in dropped]
    return found, said
