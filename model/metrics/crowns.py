"""Surface distances of crowns, tooth by tooth in mm: as they are, after a rigid and after a similarity alignment.

These are the figures of the literature on teeth from photographs, ASSD, RMSD, HD95 and HD. A tooth is all points of one
FDI number, so gingiva and palate don't count. Predicted points have the label that the row predicts; rows without
labels, such as the mean shape and cloud networks, take that of the nearest ground-truth point, which is kinder: a
tooth in a wrong place then counts as the one that it is nearest to.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model.geometry.neighbours import IndexedPoints
from model.metrics.alignment import IDENTITY, align
from model.metrics.distances import indexed, nearest_distances
from scans.mesh import GINGIVA

FIGURES = ("assd", "rmsd", "hd95", "hd")
ALIGNMENTS = {"": None, "_rigid": False, "_similarity": True}  # whether the scale is free; None for as they are
CROWN_COLUMNS = tuple(f"{figure}{suffix}_mm" for suffix in ALIGNMENTS for figure in FIGURES)


def surface_distances(pred: np.ndarray | IndexedPoints, gt: np.ndarray | IndexedPoints) -> dict[str, float]:
    """Symmetric surface distances of two point-sampled surfaces, in their unit.

    With the distances of all points of either surface to the nearest of the other:

    - `assd`, average symmetric surface distance: the mean of all of them (Heimann et al. 2009).
    - `rmsd`, root mean square symmetric surface distance: the root of the mean of their squares (there too).
    - `hd95`: the larger of both sides' 95th percentiles (Maier-Hein et al. 2024, Metrics Reloaded).
    - `hd`, Hausdorff distance: the largest of all (Huttenlocher et al. 1993).

    Between two samplings of one surface none of them reaches 0; the row `resampling_bound` shows how low they can be.

    Args:
        pred: (N, 3). gt: (M, 3). One point or more on either side.
    """
    pred, gt = indexed(pred), indexed(gt)
    sides = [nearest_distances(pred, gt)[0], nearest_distances(gt, pred)[0]]
    both = np.concatenate(sides)
    return {
        "assd": float(both.mean()),
        "rmsd": float(np.sqrt(np.square(both).mean())),
        "hd95": max(float(np.percentile(side, 95)) for side in sides),
        "hd": float(both.max()),
    }


def crown_distances(
    pred: np.ndarray, pred_labels: np.ndarray, gt: np.ndarray, labels: np.ndarray
) -> dict[int, dict[str, float | None]]:
    """Surface distances of each tooth of the ground truth.

    The alignments are of all crowns at once, one for the jaw, so that a tooth's place in the arch counts.

    Args:
        pred: (N, 3) mm, gt: (M, 3) mm, in one frame. pred_labels: (N,), labels: (M,) FDI, 0 = gingiva.

    Returns:
        By FDI number those of CROWN_COLUMNS; None where no predicted point has the number. Empty if labels are unknown.
    """
    teeth = [int(fdi) for fdi in np.unique(labels) if fdi != GINGIVA]
    crowns, gt_crowns = pred[pred_labels != GINGIVA], gt[labels != GINGIVA]
    found: dict[int, dict[str, float | None]] = {fdi: dict.fromkeys(CROWN_COLUMNS) for fdi in teeth}
    if not teeth or not len(crowns):
        return found
    gt_teeth = {fdi: indexed(gt[labels == fdi]) for fdi in teeth}
    for suffix, scaling in ALIGNMENTS.items():
        moved = (IDENTITY if scaling is None else align(crowns, gt_crowns, scaling=scaling))(pred)
        for fdi in teeth:
            if (own := moved[pred_labels == fdi]).size:
                figures = surface_distances(own, gt_teeth[fdi])
                found[fdi] |= {f"{name}{suffix}_mm": value for name, value in figures.items()}
    return found


def crown_summary(teeth: Mapping[int, Mapping[str, Any]]) -> dict[str, float | None]:
    """Figures of a case: `tooth_…`, the means over its teeth, and `missing_teeth`, how many have no predicted point.

    Missing teeth are in no mean, so read the two together.
    """
    if not teeth:
        return {}
    there = [tooth for tooth in teeth.values() if tooth[CROWN_COLUMNS[0]] is not None]
    means = {
        f"tooth_{name}": float(np.mean([tooth[name] for tooth in there])) if there else None for name in CROWN_COLUMNS
    }
    return means | {"missing_teeth": float(len(teeth) - len(there))}
