"""Why a reconstruction is not plausible, in words for whoever made the pictures."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from model.metrics.plausibility import Fit, Limits


def doubts(fit: "Fit", limits: "Limits") -> list[str]:
    """A sentence for each limit that a reconstruction exceeds; none where `limits.allow` it."""
    found = []
    if fit.permutation_gain > limits.permutation_gain:
        if fit.mirror_gain > limits.permutation_gain:
            found.append(
                "the pictures look mirrored left to right, or numbered round the jaw the wrong way: view 1 shows the "
                "patient's right, at the right of view 0"
            )
        else:
            moved = ", ".join(f"view {a} looks like view {b}" for a, b in fit.order.items() if a != b)
            found.append(f"the pictures seem to be in the wrong order: {moved}")
    if fit.silhouette_iou < limits.silhouette_iou:
        found.append(
            f"the reconstruction does not fit the pictures: their silhouettes overlap by {fit.silhouette_iou:.2f}, and "
            f"right ones by {limits.silhouette_iou:.2f} or more; check that they show one upper jaw from the model's "
            f"cameras"
        )
    return found


def without_teeth(labels: "np.ndarray | None") -> list[str]:
    """A warning if none of the points, of FDI numbers (N,), belongs to a tooth."""
    if labels is None or labels.any():
        return []
    return [
        "no tooth was found; if the jaw has some, check how the scan lies, or how the pictures are numbered and turned"
    ]
