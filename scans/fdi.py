"""FDI tooth numbers that come from outside, checked."""

import numpy as np

from scans.errors import ScanError
from scans.mesh import GINGIVA, LOWER_FDI, UPPER_FDI

KNOWN = np.zeros(256, dtype=bool)
KNOWN[[GINGIVA, *UPPER_FDI, *LOWER_FDI]] = True


def checked_labels(values: np.ndarray, source: object) -> np.ndarray:
    """Labels of a file as FDI numbers.

    Args:
        values: (V,) numbers, one per vertex.
        source: what holds them, for the message.

    Returns:
        (V,) uint8, 0 = gingiva.

    Raises:
        ScanError: a value is no FDI number of a permanent tooth.
    """
    values = np.asarray(values)
    with np.errstate(invalid="ignore"):
        labels = values.astype(np.uint8)
    wrong = (labels != values) | ~KNOWN[labels]
    if wrong.any():
        found = ", ".join(f"{value:g}" for value in np.unique(values[wrong])[:5])
        if np.isin(values, range(15)).all() and len(np.unique(values)) > 4:
            found += "; do they count the teeth, as MeshSegNet's 0-14 do?"
        raise ScanError(
            f"{source}: {wrong.sum()} of {len(values)} labels are no FDI numbers ({found}). "
            "Write 0 for gingiva and 11-18, 21-28 (upper) or 31-38, 41-48 (lower) for teeth, or leave the labels out"
        )
    return labels
