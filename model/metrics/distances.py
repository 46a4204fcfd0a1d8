"""The figures of one reconstruction against the truth."""

from typing import NamedTuple

import numpy as np
import torch

from model.geometry.neighbours import IndexedPoints, nearest_neighbours, nearest_neighbours_excluding_self

THRESHOLDS = {"035": 0.035, "010": 0.010}  # shares of the jaw's radius: about 1.4 and 0.4 mm


class Comparison(NamedTuple):
    """Distances between a predicted and a true cloud, in jaw radii, and the neighbours they lead to.

    Attributes:
        pred_to_gt: (N,) from each predicted point to the nearest true one.
        gt_to_pred: (M,) from each true point to the nearest predicted one.
        spacing: (N,) from each predicted point to the nearest other predicted one.
        pred_to_gt_idx: (N,) index of the true point nearest to each predicted one.
        gt_to_pred_idx: (M,) index of the predicted point nearest to each true one.
    """

    pred_to_gt: np.ndarray
    gt_to_pred: np.ndarray
    spacing: np.ndarray
    pred_to_gt_idx: np.ndarray
    gt_to_pred_idx: np.ndarray


def unit_of(truth: np.ndarray) -> float:
    """The jaw's radius in the frame of its true points (M, 3): the largest distance from their centroid.

    1 in the normalised frame; another in a frame that was moved or scaled, where thresholds must follow it.
    """
    points = truth.astype(np.float64)
    return float(np.linalg.norm(points - points.mean(axis=0), axis=1).max())


def compare(predicted: np.ndarray | IndexedPoints, truth: np.ndarray | IndexedPoints, unit: float = 1.0) -> Comparison:
    """Measure a predicted cloud (N, 3), N of 2 or more, against a true one (M, 3), both in one frame.

    Give a `IndexedPoints` where one is measured more than once.

    Args:
        unit: the jaw's radius in that frame (`unit_of`), by which all distances are divided.

    Raises:
        ValueError: a cloud is not (N, 3), or holds NaN.
    """
    predicted, truth = _cloud(predicted), _cloud(truth)
    there, back = nearest_neighbours(predicted, truth), nearest_neighbours(truth, predicted)
    return Comparison(
        pred_to_gt=_distances(predicted.points, truth.points[there]) / unit,
        gt_to_pred=_distances(truth.points, predicted.points[back]) / unit,
        spacing=_distances(predicted.points, predicted.points[nearest_neighbours_excluding_self(predicted)]) / unit,
        pred_to_gt_idx=there.cpu().numpy(),
        gt_to_pred_idx=back.cpu().numpy(),
    )


def precision_recall_f(comparison: Comparison, threshold: float) -> tuple[float, float, float]:
    """Share of predicted points within `threshold` of the truth, of true points within it of the prediction, and F.

    P1's accuracy is the first, at 0.035. F is the harmonic mean, 0 where both are 0.
    """
    precision = float((comparison.pred_to_gt <= threshold).mean())
    recall = float((comparison.gt_to_pred <= threshold).mean())
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def nn_distance_cv(spacing: np.ndarray) -> float:
    """Standard deviation over mean of the distances (N,) to the nearest other point; 0 where all points coincide."""
    return float(spacing.std() / spacing.mean()) if spacing.any() else 0.0


def figures(comparison: Comparison, radius: float) -> dict[str, float]:
    """The figures of a case.

    Args:
        radius: millimetres of the jaw's radius.

    Returns:
        `precision_035`, `recall_035`, `f_035` and the same at 0.010: see `precision_recall_f`.
        `accuracy_mm`, `completeness_mm`: mean distance from predicted to true points and back, mm.
        `chamfer`, `chamfer_mm`: mean of those two, in units and in mm.
        `nn_distance_cv`: see there; blue noise has 0.13, random sampling 0.53.
    """
    result: dict[str, float] = {}
    for name, threshold in THRESHOLDS.items():
        shares = precision_recall_f(comparison, threshold)
        result |= {
            f"{figure}_{name}": share for figure, share in zip(("precision", "recall", "f"), shares, strict=True)
        }
    accuracy, completeness = float(comparison.pred_to_gt.mean()), float(comparison.gt_to_pred.mean())
    return result | {
        "chamfer": (accuracy + completeness) / 2,
        "chamfer_mm": (accuracy + completeness) / 2 * radius,
        "accuracy_mm": accuracy * radius,
        "completeness_mm": completeness * radius,
        "nn_distance_cv": nn_distance_cv(comparison.spacing),
    }


def measure(
    predicted: np.ndarray | IndexedPoints, truth: np.ndarray | IndexedPoints, radius: float
) -> dict[str, float]:
    """`figures` of a predicted against a true cloud; see `compare` for what they may be."""
    return figures(compare(predicted, truth), radius)


def _cloud(points: np.ndarray | IndexedPoints) -> IndexedPoints:
    return (
        points
        if isinstance(points, IndexedPoints)
        else IndexedPoints.build(torch.from_numpy(np.asarray(points, np.float32)))
    )


def _distances(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """(N,) float64 distances of N pairs."""
    return torch.linalg.vector_norm(a.double() - b.double(), dim=1).cpu().numpy()
