"""All figures of one case, row by row of the table; done in a worker."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from scans.shards.random_rows import RandomRows
from scans.shards.table import to_array
from stages.runtime.workspace import MEAN_SHAPE, MODEL

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from scans.mesh import Mesh

THRESHOLDS = tuple(round(0.0025 * step, 4) for step in range(1, 25))  # of the curve, to 0.06, in jaw radii


@dataclass(frozen=True)
class Place:
    """A case's row in a prepared shard."""

    shard: "Path"
    row: int


@dataclass(frozen=True)
class Prediction:
    """A cloud that is measured.

    Attributes:
        points: (N, 3), frame of the true points.
        normals: (N, 3) unit, labels: (N,) uint8 FDI, radius: mm per unit; each None where nobody predicted it.
    """

    points: "np.ndarray"
    normals: "np.ndarray | None" = None
    labels: "np.ndarray | None" = None
    radius: float | None = None


@dataclass(frozen=True)
class Task:
    """A case to measure; baselines are None where there is no training jaw, and `draws` of 0 leaves one-to-one out."""

    id: str
    truth: Place
    model: Prediction
    retrieval: Place | None
    random_case: Place | None
    draws: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """What came out: per row of the table the figures, the F at each of THRESHOLDS, and the figures per tooth."""

    id: str
    figures: dict[str, dict[str, float | None]]
    curves: dict[str, list[float]]
    teeth: dict[str, list[dict[str, Any]]]


def measure_case(task: Task) -> Measured:
    """Measure the network's cloud and the baselines against a case's truth."""
    import numpy as np

    from model.metrics import distances as metrics
    from model.metrics.attributes import label_accuracy, normal_consistency
    from model.metrics.density import density_aware_chamfer
    from model.metrics.distances import compare, figures, precision_recall_f, unit_of
    from model.metrics.matching import hungarian_accuracy, max_matching_ratio
    from model.metrics.per_tooth import per_tooth, teeth_and_gingiva
    from model.metrics.uniformity import uniformity
    from scans.sampling.sample_surface import face_areas, sample_surface
    from scans.seeds import generator

    points, normals, labels, radius, mesh = _truth(task.truth)
    known = bool(labels.any())
    unit = unit_of(points)
    area = float(face_areas(np.ascontiguousarray(mesh.vertices, np.float64), mesh.faces).sum()) / unit**2
    again = sample_surface(mesh, len(points), generator(task.seed, f"{task.id}/ceiling"))
    rows = {"model": task.model, "mean_shape": Prediction(np.load(MODEL / MEAN_SHAPE, allow_pickle=False))}
    for name, place in (("retrieval", task.retrieval), ("random_case", task.random_case)):
        if place is not None:
            arch = _truth(place)
            rows[name] = Prediction(arch[0], arch[1], arch[2] if arch[2].any() else None)
    rows["resampling_bound"] = Prediction(
        again.points.astype(np.float32), again.normals, again.labels if known else None
    )

    measured = Measured(task.id, {}, {}, {})
    for name, predicted in rows.items():
        found = compare(predicted.points, points, unit)
        mine, true = predicted.points / unit, points / unit
        row: dict[str, float | None] = dict(figures(found, radius * unit))
        if task.draws:
            # The same chance for every row: they differ by their points alone.
            rng = generator(task.seed, task.id)
            row["hungarian_accuracy_035"] = hungarian_accuracy(mine, true, metrics.THRESHOLDS["035"], task.draws, rng)
        row |= {
            f"max_matching_ratio_{suffix}": max_matching_ratio(mine, true, t)
            for suffix, t in metrics.THRESHOLDS.items()
        }
        row["dcd"] = density_aware_chamfer(
            found.pred_to_gt, found.pred_to_gt_idx, found.gt_to_pred, found.gt_to_pred_idx
        )
        row["uniformity"] = uniformity(mine, found.spacing, true, area, generator(task.seed, f"{task.id}/discs"))
        if predicted.normals is not None:
            row["normal_consistency"] = normal_consistency(found, predicted.normals, normals)
        if predicted.labels is not None and known:
            row["label_accuracy"] = label_accuracy(found, predicted.labels, labels)
        if predicted.radius is not None:
            row["radius_error_mm"] = abs(predicted.radius - radius)
        by_label = (found.pred_to_gt, found.pred_to_gt_idx, found.gt_to_pred, labels, radius * unit)
        row |= teeth_and_gingiva(*by_label)
        measured.figures[name] = row
        measured.curves[name] = [precision_recall_f(found, threshold)[2] for threshold in THRESHOLDS]
        measured.teeth[name] = per_tooth(*by_label)
    if resampling_bound := measured.figures["resampling_bound"].get("hungarian_accuracy_035"):
        for row in measured.figures.values():
            row["hungarian_accuracy_035_relative"] = cast("float", row["hungarian_accuracy_035"]) / resampling_bound
    return measured


def _truth(place: Place) -> "tuple[np.ndarray, np.ndarray, np.ndarray, float, Mesh]":
    """Points, normals, labels, mm per unit and mesh of a prepared case."""
    from scans.mesh import Mesh

    row = RandomRows(place.shard).row(
        place.row, ["points", "normals", "labels", "radius", "vertices", "faces", "vertex_labels"]
    )
    # Copies: Arrow's own memory can't be written to, which PyTorch warns of.
    points, normals, vertices, faces = (
        to_array(row[name]).reshape(-1, 3).copy() for name in ("points", "normals", "vertices", "faces")
    )
    corner_labels = to_array(row["vertex_labels"]) if row["vertex_labels"].is_valid else None
    return points, normals, to_array(row["labels"]), row["radius"].as_py(), Mesh(vertices, faces, corner_labels)
