"""Whether labels belong to the vertices that they stand beside."""

import numpy as np

from scans.errors import ScanError
from scans.mesh import Mesh

FEWEST = 100  # vertices; a smaller mesh is no scan, and tells nothing
MOST_CHANGES = 0.5  # of those that shuffled labels have; labels in order have 0.07 (14,000 vertices) to 0.27 (600)


def check_label_order(mesh: Mesh, source: object) -> None:
    """Refuse labels that go by another order of vertices: teeth are patches, where labels change at the borders alone.

    Args:
        mesh: with labels.
        source: what holds the labels, for the message.

    Raises:
        ScanError: labels change along edges nearly as often as if they were shuffled.
    """
    labels = mesh.labels
    if labels is None or len(labels) < FEWEST:
        return
    inside = mesh.faces[((mesh.faces >= 0) & (mesh.faces < len(labels))).all(axis=1)]
    used = np.bincount(labels[inside].ravel(), minlength=256) if len(inside) else np.zeros(256, np.int64)
    shares = used / max(used.sum(), 1)
    shuffled = 1 - float((shares**2).sum())
    if not len(inside) or shuffled == 0:
        return
    changes = float((labels[inside] != labels[inside[:, [1, 2, 0]]]).mean())
    if changes > MOST_CHANGES * shuffled:
        raise ScanError(
            f"{source}: the labels change along {changes:.0%} of the scan's edges, as if they were shuffled: they go "
            "by another order of vertices. Use the file that they were made for, or take the labels away"
        )
