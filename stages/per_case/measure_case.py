"""All metrics of one case, for the network and each baseline; done in a worker."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from scans.shards.prepared import PreparedCase, prepared_case
from scans.shards.random_rows import RandomRows

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

CURVE_THRESHOLDS = tuple(round(0.0025 * step, 4) for step in range(1, 25))  # of the curve, to 0.06, in jaw radii


@dataclass(frozen=True)
class Place:
    """A case's row in a prepared shard."""

    shard: "Path"
    row: int


@dataclass(frozen=True)
class Prediction:
    """A predicted jaw.

    Attributes:
        points: (N, 3), in the frame of the ground truth.
        normals: (N, 3) unit, labels: (N,) uint8 FDI, radius: mm, expected_error: (N,) in the frame's unit; each None if
            not predicted.
        left_out: fraction of its surface that was left out, see `model.reconstruction.result`.
    """

    points: "np.ndarray"
    normals: "np.ndarray | None" = None
    labels: "np.ndarray | None" = None
    radius: float | None = None
    expected_error: "np.ndarray | None" = None
    left_out: float = 0.0


@dataclass(frozen=True)
class Task:
    """A case to measure; baselines are None without training jaws, and `draws` of 0 leaves out `hungarian_accuracy`."""

    id: str
    target: Place
    model: Prediction
    mean_shape: "Path"
    retrieval: Place | None
    random_case: Place | None
    draws: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """Per row (network or baseline) the metrics, the F-score at each of CURVE_THRESHOLDS, and the metrics per tooth.

    `errors_mm` are (2, N) float32, expected and real distance of the network's points to the true surface; None if it
    expects none.
    """

    id: str
    metrics: dict[str, dict[str, float | None]]
    curves: dict[str, list[float]]
    teeth: dict[str, list[dict[str, Any]]]
    errors_mm: "np.ndarray | None" = None


def measure_case(task: Task) -> Measured:
    """Measure the network's prediction and the baselines against a case's ground truth."""
    import numpy as np
    import torch

    from model.geometry.surface_distance import surface_distances
    from model.metrics.attributes import label_accuracy, normal_consistency
    from model.metrics.confidence import confidence_metrics
    from model.metrics.crowns import crown_distances, crown_summary
    from model.metrics.distances import THRESHOLDS, compare, dcd, metrics, precision_recall_f, unit_of
    from model.metrics.matching import hungarian_accuracy, max_matching_ratio
    from model.metrics.per_tooth import per_tooth, teeth_and_gingiva
    from model.metrics.uniformity import Discs, uniformity
    from scans.sampling.sample_surface import face_areas
    from scans.seeds import generator

    target = _read(task.target)
    labelled = bool(target.labels.any())
    unit = unit_of(target.points)
    vertices = np.ascontiguousarray(target.mesh.vertices, np.float64)
    area = float(face_areas(vertices, target.mesh.faces).sum()) / unit**2
    gt = target.points / unit
    discs = Discs(gt, area, generator(task.seed, f"{task.id}/discs"))

    errors_mm = None
    if task.model.expected_error is not None:
        real = surface_distances(*map(torch.from_numpy, (task.model.points, target.points, target.normals))).numpy()
        errors_mm = (np.stack([task.model.expected_error, real]) * target.radius).astype(np.float32)
    measured = Measured(task.id, {}, {}, {}, errors_mm)
    for name, predicted in _rows(task, target).items():
        found = compare(predicted.points, target.points, unit)
        pred = predicted.points / unit
        row: dict[str, float | None] = dict(metrics(found, target.radius * unit))
        if task.draws:
            # The same random numbers for every row: they differ by their points alone.
            rng = generator(task.seed, task.id)
            row["hungarian_accuracy_035"] = hungarian_accuracy(pred, gt, THRESHOLDS["035"], task.draws, rng)
        row |= {f"max_matching_ratio_{suffix}": max_matching_ratio(pred, gt, t) for suffix, t in THRESHOLDS.items()}
        row["dcd"] = dcd(found)
        row["uniformity"] = uniformity(pred, found.spacing, discs)
        if predicted.normals is not None:
            row["normal_consistency"] = normal_consistency(found, predicted.normals, target.normals)
        if predicted.labels is not None and labelled:
            row["label_accuracy"] = label_accuracy(found, predicted.labels, target.labels)
        if predicted.radius is not None:
            row["radius_error_mm"] = abs(predicted.radius - target.radius)
        if name == "model" and errors_mm is not None:
            row |= confidence_metrics(*errors_mm) | {"left_out_fraction": predicted.left_out}
        by_label = (found.pred_to_gt, found.pred_to_gt_idx, found.gt_to_pred, target.labels, target.radius * unit)
        row |= teeth_and_gingiva(*by_label)
        pred_labels = target.labels[found.pred_to_gt_idx] if predicted.labels is None else predicted.labels
        crowns = crown_distances(
            predicted.points * target.radius, pred_labels, target.points * target.radius, target.labels
        )
        row |= crown_summary(crowns)
        measured.metrics[name] = row
        measured.curves[name] = [precision_recall_f(found, threshold)[2] for threshold in CURVE_THRESHOLDS]
        measured.teeth[name] = [tooth | crowns.get(tooth["fdi"], {}) for tooth in per_tooth(*by_label)]
    if resampling_bound := measured.metrics["resampling_bound"].get("hungarian_accuracy_035"):
        for row in measured.metrics.values():
            row["hungarian_accuracy_035_relative"] = cast("float", row["hungarian_accuracy_035"]) / resampling_bound
    return measured


def _rows(task: Task, target: PreparedCase) -> dict[str, Prediction]:
    """The network's prediction and those of the baselines, by the name of their row."""
    import numpy as np

    from scans.preparing.normalise import center_and_radius, normalise
    from scans.sampling.sample_surface import sample_surface
    from scans.seeds import generator

    rows = {"model": task.model, "mean_shape": Prediction(np.load(task.mean_shape, allow_pickle=False))}
    for name, place in (("retrieval", task.retrieval), ("random_case", task.random_case)):
        if place is not None:
            jaw = _read(place)
            points = normalise(jaw.points, *center_and_radius(jaw.points))  # frame jitter is for training
            rows[name] = Prediction(points, jaw.normals, jaw.labels if jaw.labels.any() else None)
    again = sample_surface(target.mesh, len(target.points), generator(task.seed, f"{task.id}/ceiling"))
    labels = again.labels if target.labels.any() else None
    return rows | {"resampling_bound": Prediction(again.points.astype(np.float32), again.normals, labels)}


def _read(place: Place) -> PreparedCase:
    """A prepared case. Points and normals are copied, for PyTorch warns of arrays that can't be written to."""
    case = prepared_case(RandomRows(place.shard).row(place.row))
    return replace(case, points=case.points.copy(), normals=case.normals.copy())
