"""Distance metrics of a predicted point cloud: Chamfer, precision, recall and F-score, density."""

from typing import NamedTuple

import numpy as np
import torch

from model.geometry.density import density_aware_chamfer
from model.geometry.neighbours import IndexedPoints, nearest_neighbours, nearest_neighbours_excluding_self

THRESHOLDS = {"035": 0.035, "010": 0.010}  # jaw radii: about 1.4 and 0.4 mm
DCD_ALPHA, DCD_POWER = 1000.0, 2  # of the code of Wu et al.: 0.01 costs 0.10, 0.035 costs 0.71


class Comparison(NamedTuple):
    """Nearest-neighbour distances between a predicted and a ground-truth point cloud, in jaw radii.

    Attributes:
        pred_to_gt: (N,) float64, from each predicted point to the nearest ground-truth one.
        gt_to_pred: (M,) float64, from each ground-truth point to the nearest predicted one.
        spacing: (N,) float64, from each predicted point to the nearest other predicted one.
        pred_to_gt_idx: (N,) int64, index of the ground-truth point nearest to each predicted one.
        gt_to_pred_idx: (M,) int64, index of the predicted point nearest to each ground-truth one.
    """

    pred_to_gt: np.ndarray
    gt_to_pred: np.ndarray
    spacing: np.ndarray
    pred_to_gt_idx: np.ndarray
    gt_to_pred_idx: np.ndarray


def unit_of(gt: np.ndarray) -> float:
    """The jaw radius in the frame of the ground-truth points (M, 3): their largest distance from their centroid.

    1 in the normalised frame; another in a frame that was moved or scaled, where thresholds must follow it.
    """
    points = gt.astype(np.float64)
    return float(np.linalg.norm(points - points.mean(axis=0), axis=1).max())


def compare(pred: np.ndarray | IndexedPoints, gt: np.ndarray | IndexedPoints, unit: float = 1.0) -> Comparison:
    """Compare a predicted point cloud (N, 3), N of 2 or more, with a ground-truth one (M, 3), in one frame.

    Pass `IndexedPoints` for a cloud that is compared more than once.

    Args:
        unit: the jaw radius in that frame (`unit_of`), by which all distances are divided.

    Raises:
        ValueError: a cloud is not (N, 3), or holds NaN.
    """
    pred, gt = indexed(pred), indexed(gt)
    pred_to_gt, pred_to_gt_idx = nearest_distances(pred, gt)
    gt_to_pred, gt_to_pred_idx = nearest_distances(gt, pred)
    return Comparison(
        pred_to_gt=pred_to_gt / unit,
        gt_to_pred=gt_to_pred / unit,
        spacing=_distances(pred.points, pred.points[nearest_neighbours_excluding_self(pred)]) / unit,
        pred_to_gt_idx=pred_to_gt_idx,
        gt_to_pred_idx=gt_to_pred_idx,
    )


def nearest_distances(queries: IndexedPoints, targets: IndexedPoints) -> tuple[np.ndarray, np.ndarray]:
    """(N,) float64 distances from each of N points to the nearest of another cloud, and (N,) int64 its index."""
    index = nearest_neighbours(queries, targets)
    return _distances(queries.points, targets.points[index]), index.cpu().numpy()


def precision_recall_f(comparison: Comparison, threshold: float) -> tuple[float, float, float]:
    """Precision, recall and F-score at a threshold (Knapitsch et al. 2017, Tanks and Temples).

    Precision is the fraction of predicted points within the threshold of the ground truth (P1's accuracy, at 0.035),
    recall that of ground-truth points within it of the prediction, and F their harmonic mean, 0 if both are 0.
    """
    precision = float((comparison.pred_to_gt <= threshold).mean())
    recall = float((comparison.gt_to_pred <= threshold).mean())
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def dcd(comparison: Comparison) -> float:
    """Density-aware Chamfer distance with α = 1000 on squared distances; see `density_aware_chamfer`."""
    fields = ("pred_to_gt", "pred_to_gt_idx", "gt_to_pred", "gt_to_pred_idx")
    tensors = (torch.from_numpy(getattr(comparison, name)) for name in fields)
    return float(density_aware_chamfer(*tensors, alpha=DCD_ALPHA, power=DCD_POWER))


def nn_distance_cv(spacing: np.ndarray) -> float:
    """Coefficient of variation of the distances (N,) to the nearest other point; 0 if all points coincide."""
    return float(spacing.std() / spacing.mean()) if spacing.any() else 0.0


def metrics(comparison: Comparison, radius: float) -> dict[str, float]:
    """The distance metrics of a case.

    Args:
        radius: jaw radius in mm.

    Returns:
        `precision_035`, `recall_035`, `f_035` and the same at 0.010: see `precision_recall_f`.
        `accuracy_mm`, `completeness_mm`: mean distance from predicted to ground-truth points and back, mm.
        `chamfer`, `chamfer_mm`: mean of those two, in jaw radii and in mm.
        `nn_distance_cv`: see there; Poisson disk samples have 0.10, uniform ones 0.53.
    """
    result: dict[str, float] = {}
    for suffix, threshold in THRESHOLDS.items():
        values = precision_recall_f(comparison, threshold)
        result |= {f"{name}_{suffix}": value for name, value in zip(("precision", "recall", "f"), values, strict=True)}
    accuracy, completeness = float(comparison.pred_to_gt.mean()), float(comparison.gt_to_pred.mean())
    return result | {
        "chamfer": (accuracy + completeness) / 2,
        "chamfer_mm": (accuracy + completeness) / 2 * radius,
        "accuracy_mm": accuracy * radius,
        "completeness_mm": completeness * radius,
        "nn_distance_cv": nn_distance_cv(comparison.spacing),
    }


def measure(pred: np.ndarray | IndexedPoints, gt: np.ndarray | IndexedPoints, radius: float) -> dict[str, float]:
    """`metrics` of a predicted and a ground-truth point cloud; see `compare`."""
    return metrics(compare(pred, gt), radius)


def indexed(points: np.ndarray | IndexedPoints) -> IndexedPoints:
    """A point cloud (N, 3) with its k-d tree; one that has it stays as it is."""
    if isinstance(points, IndexedPoints):
        return points
    return IndexedPoints.build(torch.from_numpy(np.asarray(points, np.float32)))


def _distances(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """(N,) float64 distances of N pairs."""
    return torch.linalg.vector_norm(a.double() - b.double(), dim=1).cpu().numpy()
