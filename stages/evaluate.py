"""evaluate: the network and the constant mean arch against unseen jaws, case by case."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from scans.errors import UserError
from scans.files import whole_file
from scans.shards.naming import shard_name, shard_paths
from scans.shards.table import read_columns
from stages.params import Params
from stages.progress import say, track
from stages.workspace import (
    CASES,
    CURVES,
    MEAN_ARCH,
    METRICS,
    MODEL,
    NETWORK,
    PREDICTIONS,
    PREPARED,
    VIEWS,
    whole_folder,
)

THRESHOLDS = tuple(round(0.0025 * step, 4) for step in range(1, 25))  # to 0.06, in jaw radii
MODELS = ("model", "mean_arch")


def run(params: Params) -> None:
    """Write reports/metrics.json, cases.parquet, curves.csv and the predicted clouds for `evaluate.split`."""
    split = params.evaluate.split
    for source in (PREPARED, VIEWS):
        if not shard_paths(source, split):
            raise UserError(f"{source}: no case in the split {split}. Set evaluate.split to one that has some.")

    import torch

    from model.checkpoint import load_checkpoint
    from model.dataset import Cases
    from model.metrics import compare, figures, precision_recall_f
    from model.neighbours import Cloud
    from model.prediction import predict
    from scans.shards.clouds import PredictedCloud, write_clouds
    from stages.calibration import calibrate

    network, checkpoint = load_checkpoint(MODEL / NETWORK)
    mean_arch = Cloud.of(torch.from_numpy(_mean_arch(MODEL / MEAN_ARCH)))
    cases = Cases(PREPARED, VIEWS, split)
    if len(cases[0].views) != network.kwargs["views"]:
        raise UserError(
            f"{MODEL}: trained with a rig of {network.kwargs['views']} views, but {VIEWS} has one of "
            f"{len(cases[0].views)}. Set render.rig as it was and run `tenview render`, or train again: `dvc repro`."
        )
    centers = _centers(split)

    rows: list[dict[str, Any]] = []
    curves: dict[str, list[list[float]]] = {name: [] for name in MODELS}
    clouds = []
    for case in track(cases, len(cases), f"evaluating on {split}"):
        truth = Cloud.of(torch.from_numpy(case.points))
        predicted = predict(network, case.views[None], case.present[None])[0]
        for name, cloud in zip(MODELS, (predicted, mean_arch), strict=True):
            comparison = compare(cloud, truth)
            rows.append({"id": case.id, "row": name, **figures(comparison, case.radius)})
            curves[name].append([precision_recall_f(comparison, threshold)[2] for threshold in THRESHOLDS])
        clouds.append(PredictedCloud(case.id, predicted, centers[case.id], case.radius))

    means = _means(rows)
    with whole_file(METRICS) as path:
        path.write_text(json.dumps(means, indent=2) + "\n", encoding="utf-8")
    with whole_file(CASES) as path:
        _write_cases(path, rows)
    with whole_file(CURVES) as path:
        _write_curves(path, curves)
    with whole_folder(PREDICTIONS) as folder:
        metadata = {"frame": "normalised: x_mm = x * radius + center", "split": split}
        write_clouds(folder / shard_name(split, 0, 1), clouds, len(clouds[0].points), metadata)
    calibrate(network, checkpoint["weights_sha256"])
    for name, mean in means.items():
        say(
            f"evaluate: {name}: F {mean['f_035']:.1%} at 0.035, {mean['f_010']:.1%} at 0.010, "
            f"Chamfer {mean['chamfer_mm']:.2f} mm, mean of {len(cases)} cases"
        )


def _mean_arch(path: Path) -> Any:
    """(N, 3) float32, as the train stage left it."""
    import numpy as np

    try:
        arch = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error}). Run `dvc repro` to train again.") from None
    if arch.ndim != 2 or arch.shape[1] != 3 or arch.dtype != np.float32:
        raise UserError(f"{path}: expected (N, 3) float32, got {arch.shape} {arch.dtype}. Run `dvc repro` again.")
    return arch


def _centers(split: str) -> dict[str, Any]:
    """(3,) center in mm of each case."""
    tables = [read_columns(path, ["id", "center"]) for path in shard_paths(PREPARED, split)]
    return {row["id"]: row["center"] for table in tables for row in table.to_pylist()}


def _means(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean of each figure over the cases, per row of the table."""
    names = [name for name in rows[0] if name not in ("id", "row")]
    means = {}
    for row_name in MODELS:
        own = [row for row in rows if row["row"] == row_name]
        means[row_name] = {"cases": len(own)} | {name: round(fmean(row[name] for row in own), 6) for name in names}
    return means


def _write_cases(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def _write_curves(path: Path, curves: dict[str, list[list[float]]]) -> None:
    """F at each threshold, mean of the cases, a column per row of the table."""
    import numpy as np

    means = [np.mean(curves[name], axis=0) for name in MODELS]  # (thresholds,) each
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["threshold", *MODELS])
        writer.writerows(
            [threshold, *map("{:.6f}".format, row)] for threshold, *row in zip(THRESHOLDS, *means, strict=True)
        )
