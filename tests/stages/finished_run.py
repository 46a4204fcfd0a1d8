"""What a small run leaves, written by the real writers: jaws that can be told apart in a picture, made in no time."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.metrics.distances import measure
from scans.mesh import Mesh
from scans.seeds import generator
from scans.shards.clouds import PredictedCloud, write_clouds
from scans.shards.naming import shard_name
from scans.shards.png import encode_png
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.views import ViewsCase, write_views

SPLIT = "test"
RADIUS = 40.0  # mm


def arch(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) points on half a torus that opens to +y, and their normals."""
    along, around = rng.uniform(-np.pi, 0, count), rng.uniform(0, 2 * np.pi, count)
    normals = np.stack([np.cos(around) * np.cos(along), np.cos(around) * np.sin(along), np.sin(around)], axis=1)
    middle = 0.7 * np.stack([np.cos(along), np.sin(along), np.zeros(count)], axis=1)
    return (middle + 0.25 * normals).astype(np.float32), normals.astype(np.float32)


def finish_run(folder: Path, cases: int, noise: float, points: int = 2000) -> None:
    """Data, predictions and reports of `cases` test cases A00, A01, …; `noise` grows with the case's number.

    Args:
        noise: standard deviation of the first case's predicted points, in radii.
    """
    ids = [f"A{number:02d}" for number in range(cases)]
    truths, predictions, rows = {}, {}, []
    for number, case_id in enumerate(ids):
        rng = generator(1, case_id)
        truths[case_id] = arch(points, rng)
        predictions[case_id] = (arch(points, rng)[0] + rng.normal(0, noise * (1 + number), (points, 3))).astype("f4")
        for row, cloud in (("model", predictions[case_id]), ("mean_shape", truths[ids[0]][0] * np.float32(1.05))):
            rows.append({"id": case_id, "row": row, **measure(cloud, truths[case_id][0], RADIUS)})
    _write_data(folder, truths)
    reports = folder / "reports"
    (reports / "predictions").mkdir(parents=True)
    clouds = [PredictedCloud(case_id, cloud, np.zeros(3), RADIUS) for case_id, cloud in predictions.items()]
    write_clouds(reports / "predictions" / shard_name(SPLIT, 0, 1), clouds, points, {})
    pq.write_table(pa.Table.from_pylist(rows), reports / "cases.parquet")
    metrics = {
        row: {"cases": cases}
        | {name: float(np.mean([each[name] for each in rows if each["row"] == row])) for name in [*rows[0]][2:]}
        for row in ("model", "mean_shape")
    }
    (reports / "metrics.json").write_text(json.dumps(metrics))
    thresholds = np.linspace(0.0025, 0.06, 24)
    _write_csv(
        reports / "curves.csv", {"threshold": thresholds, "model": thresholds * 16, "mean_shape": thresholds * 9}
    )
    epochs = np.arange(4)
    _write_csv(
        reports / "training.csv",
        {"epoch": epochs, "loss": 1 / (1 + epochs), "validation_f_035": epochs / 5, "validation_f_010": epochs / 9},
    )
    (folder / "params.yaml").write_text(f"report: {{cases: {cases}}}\n")


def add_teeth_and_intervals(folder: Path) -> None:
    """The optional files of an evaluation: each tooth's figures, and an interval around each mean."""
    teeth = [
        {"id": "A00", "row": row, "fdi": fdi, "completeness_mm": 0.1 * (fdi % 10 + 1)}
        for row in ("model", "mean_shape")
        for fdi in (0, 11, 16, 21)
    ]
    pq.write_table(pa.Table.from_pylist(teeth), folder / "reports/teeth.parquet")
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    metrics["model"]["label_accuracy"] = 0.5
    (folder / "reports/metrics.json").write_text(json.dumps(metrics))
    (folder / "reports/intervals.json").write_text(json.dumps({"model": {"f_035": [0.123, 0.987]}}))


def add_meshes(folder: Path) -> None:
    """Surfaces in the predictions' columns: a tetrahedron as large as the jaw."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32) / 2
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    _add_to_predictions(folder, vertices=corners.ravel(), faces=faces.ravel())


def add_expected_errors(folder: Path, millimetres: float = 1.0) -> None:
    """The same expected error at each point of the predictions."""
    path = folder / "reports/predictions" / shard_name(SPLIT, 0, 1)
    points = len(pq.read_table(path)["points"][0]) // 3
    _add_to_predictions(folder, expected_error=np.full(points, millimetres / RADIUS, np.float32))


def _add_to_predictions(folder: Path, **arrays: np.ndarray) -> None:
    path = folder / "reports/predictions" / shard_name(SPLIT, 0, 1)
    table = pq.read_table(path)
    for name, array in arrays.items():
        column = pa.array([array] * table.num_rows)
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, path, row_group_size=1)


def _write_data(folder: Path, truths: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    (folder / "data/prepared").mkdir(parents=True)
    (folder / "data/views").mkdir()
    prepared, views = [], []
    for case_id, (points, normals) in truths.items():
        mesh = Mesh(points[:3].astype(float), np.array([[0, 1, 2]], np.int32))
        labels = np.zeros(len(points), np.uint8)
        prepared.append(PreparedCase(case_id, SPLIT, points, normals, labels, np.zeros(3), RADIUS, mesh, "0" * 64, {}))
        pngs = [encode_png(np.full((32, 32), 20 * number, np.uint8)) for number in range(9)]
        views.append(ViewsCase(case_id, SPLIT, [*pngs, None], np.zeros((10, 4))))
    name = shard_name(SPLIT, 0, 1)
    write_prepared(folder / "data/prepared" / name, prepared, len(points), {})
    write_views(folder / "data/views" / name, views, (10, 4), {})


def _write_csv(path: Path, columns: dict[str, np.ndarray]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
