"""evaluate: metrics of the network and the baselines on unseen jaws, case by case."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from scans.errors import UserError
from scans.files import atomic_file
from scans.shards.naming import shard_name, shard_paths
from scans.shards.seen import jaws_of, read_seen, seen_among
from scans.shards.table import read_columns
from stages.params.tree import Params
from stages.per_case.measure_case import CURVE_THRESHOLDS, Measured, Place, Prediction, Task, measure_case
from stages.per_case.reconstruct_case import ReconstructCase, reconstruct_cases
from stages.prediction.heads import read_heads
from stages.runtime.map_ordered import kept_workers, map_ordered
from stages.runtime.progress import say, track
from stages.runtime.workspace import (
    CASES,
    CONFIDENCE,
    CURVES,
    INTERVALS,
    MEAN_SHAPE,
    METRICS,
    NETWORK,
    PREDICTIONS,
    PREPARED,
    TEETH,
    VIEWS,
    atomic_folder,
    is_export,
    model_folder,
)

if TYPE_CHECKING:
    from model.cases.dataset import CaseDataset


def run(params: Params) -> None:
    """Write the metrics on `evaluate.split` and the predicted point clouds.

    metrics.json holds the means, intervals.json their 95 % bootstrap intervals, cases.parquet a line per case and row,
    teeth.parquet one per case, row and FDI label, curves.csv F over the threshold, confidence.csv the expected and the
    real errors of the network's points by decile.
    """
    split, settings = params.evaluate.split, params.evaluate
    for source in (PREPARED, VIEWS):
        if not shard_paths(source, split):
            raise UserError(f"{source}: no case in the split {split}. Set evaluate.split to one that has some.")
    folder = model_folder()
    if split == "test" and (folder / NETWORK).is_file():  # `load_checkpoint` names one that is missing
        _check_unseen(folder)

    import torch

    from model.cases.dataset import CaseDataset
    from model.networks.checkpoint import load_checkpoint
    from model.runtime.fabric import new_fabric
    from model.runtime.memory import disable_malloc_trim
    from scans.shards.clouds import PredictedCloud, write_clouds
    from stages.prediction.calibration import calibrate, write_calibration

    torch.set_num_threads(1)  # the same sums on any number of cores; what takes long is done in workers
    disable_malloc_trim()
    network, checkpoint = load_checkpoint(folder / NETWORK)
    network.to(new_fabric(accelerator=params.compute.accelerator, devices=1, precision="32-true").device)
    _check_mean_shape(folder / MEAN_SHAPE)
    digest = checkpoint["weights_sha256"]
    cases = CaseDataset(PREPARED, VIEWS, split)
    if reason := network.check_rig(len(cases[0].views)) or network.check_crop(cases.crop):
        raise UserError(
            f"{VIEWS}: {reason}. Set `render` as it was and run `tenview render`, or train again: `dvc repro`."
        )
    with kept_workers():
        calibration = None if is_export(folder) else calibrate(network, folder, digest, params.compute)
        if calibration is None:  # the heads are those of the export, or of an earlier evaluation
            read_heads(network, folder, digest)
        nearest, other = _baseline_jaws(cases, settings.seed)
        centers = _centers(split)
        tasks, clouds = [], []
        work = ReconstructCase(folder, digest, split, settings.seed, heads=True)
        predicted = reconstruct_cases(
            network, cases, len(cases), work, compute=params.compute, what=f"predicting {split}"
        )
        for number, ((case, made), place) in enumerate(zip(predicted, _places(split), strict=True)):
            surface = {"normals": made.normals, "labels": made.labels}
            cloud = PredictedCloud(case.id, made.points, centers[case.id], case.radius, **surface, mesh=made.mesh)
            prediction = Prediction(made.points, made.normals, made.labels, made.radius)
            if sure := made.confidence:
                cloud = replace(cloud, views_seen=sure.views_seen, expected_error=sure.expected_error)
                prediction = replace(prediction, expected_error=sure.expected_error, left_out=made.left_out)
            clouds.append(cloud)
            baselines = nearest[number], other[number]
            tasks.append(
                Task(
                    case.id, place, prediction, folder / MEAN_SHAPE, *baselines, settings.hungarian_draws, settings.seed
                )
            )
        measured = list(map_ordered(measure_case, tasks, compute=params.compute, what=f"evaluating on {split}"))

    rows = [{"id": one.id, "row": name, **row} for one in measured for name, row in one.metrics.items()]
    means, intervals = _summary(rows, settings.seed)
    for path, content in ((METRICS, means), (INTERVALS, intervals)):
        with atomic_file(path) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with atomic_file(CASES) as path:
        _write_table(path, rows)
    with atomic_file(TEETH) as path:
        _write_teeth(path, measured)
    with atomic_file(CURVES) as path:
        _write_curves(path, measured, list(means))
    with atomic_file(CONFIDENCE) as path:
        _write_confidence(path, measured)
    with atomic_folder(PREDICTIONS) as folder:
        metadata = {"frame": "normalised: x_mm = x * radius + center", "split": split}
        write_clouds(folder / shard_name(split, 0, 1), clouds, len(clouds[0].points), metadata)
    if calibration:  # last, for it says that metrics, too, are of these weights
        write_calibration(calibration)
    if left_out := means["model"].get("left_out_fraction"):
        say(f"evaluate: {left_out:.1%} of the surface was left out: no view sees it, and its expected error is large")
    for name, mean in means.items():
        one_to_one = f"one-to-one {mean['hungarian_accuracy_035']:.1%}, " if "hungarian_accuracy_035" in mean else ""
        say(
            f"evaluate: {name}: F {mean['f_035']:.1%} at 0.035, {mean['f_010']:.1%} at 0.010, "
            f"matched {mean['max_matching_ratio_035']:.1%}, {one_to_one}Chamfer {mean['chamfer_mm']:.2f} mm, "
            f"mean of {mean['cases']} cases"
        )


def _check_unseen(folder: Path) -> None:
    """The model in the folder has been trained on no test jaw."""
    jaws = jaws_of(PREPARED, ["test"])
    if seen := seen_among(jaws, read_seen(folder)):
        raise UserError(
            f"evaluate: the model in {folder} has been trained on {len(seen)} of the {len(jaws)} jaws of the test "
            f"split, such as {seen[0]}, so its metrics would mean nothing. Test it on others (generated ones: another "
            "download.synthetic.seed), or set evaluate.split to train if that is what you want to know."
        )


def _baseline_jaws(cases: "CaseDataset", seed: int) -> tuple[list[Place | None], list[Place | None]]:
    """For each case the training jaw with the most similar views, and a random one; None if there is none."""
    from model.cases.dataset import CaseDataset
    from model.metrics.baselines import ViewIndex, random_case

    if not (shard_paths(PREPARED, "train") and shard_paths(VIEWS, "train")):
        say(f"evaluate: no training jaw in {PREPARED}, so no rows retrieval and random_case")
        return [None] * len(cases), [None] * len(cases)
    train = CaseDataset(PREPARED, VIEWS, "train")
    index = ViewIndex(track(train, len(train), "reading training views"))
    places = _places("train")
    found = [(index.nearest(case), random_case(case.id, index.ids, seed)) for case in cases]
    nearest, other = ([None if n is None else places[n] for n in column] for column in zip(*found, strict=True))
    return nearest, other


def _places(split: str) -> list[Place]:
    """Where each case of a split lies, in order."""
    return [Place(path, row) for path in shard_paths(PREPARED, split) for row in range(len(read_columns(path, ["id"])))]


def _check_mean_shape(path: Path) -> None:
    """Before any worker loads it: it is there, and as the train stage left it."""
    import numpy as np

    try:
        shape = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error}). Run `dvc repro` to train again.") from None
    if shape.ndim != 2 or shape.shape[1] != 3 or shape.dtype != np.float32:
        raise UserError(f"{path}: expected (N, 3) float32, got {shape.shape} {shape.dtype}. Run `dvc repro` again.")


def _centers(split: str) -> dict[str, Any]:
    """(3,) center in mm of each case."""
    tables = [read_columns(path, ["id", "center"]) for path in shard_paths(PREPARED, split)]
    return {row["id"]: row["center"] for table in tables for row in table.to_pylist()}


def _summary(rows: Sequence[dict[str, Any]], seed: int) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Per row the mean of each metric over the cases that have it, and the mean's 95 % confidence interval."""
    import numpy as np

    from model.metrics.bootstrap import mean_interval

    means: dict[str, dict[str, Any]] = {}
    intervals: dict[str, dict[str, Any]] = {}
    for row_name in dict.fromkeys(row["row"] for row in rows):
        own = [row for row in rows if row["row"] == row_name]
        means[row_name], intervals[row_name] = {"cases": len(own)}, {}
        for name in dict.fromkeys(name for row in own for name in row if name not in ("id", "row")):
            values = [row[name] for row in own if row.get(name) is not None]
            if values:
                means[row_name][name] = round(fmean(values), 6)
                intervals[row_name][name] = [
                    round(end, 6) for end in mean_interval(values, np.random.default_rng(seed))
                ]
    return means, intervals


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # From the first row alone pyarrow would not know the columns that only others have.
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)


def _write_teeth(path: Path, measured: Sequence[Measured]) -> None:
    """A line per case, row and FDI label; none of cases without labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from model.metrics.crowns import CROWN_COLUMNS
    from model.metrics.per_tooth import COLUMNS

    schema = pa.schema([("id", pa.string()), ("row", pa.string()), ("fdi", pa.uint8()), ("points", pa.int64())])
    for name in (*COLUMNS, *CROWN_COLUMNS):
        schema = schema.append(pa.field(name, pa.float64()))
    lines = [
        {"id": one.id, "row": name, **tooth} for one in measured for name, teeth in one.teeth.items() for tooth in teeth
    ]
    pq.write_table(pa.Table.from_pylist(lines, schema), path)


def _write_confidence(path: Path, measured: Sequence[Measured]) -> None:
    """A line per decile of the points by their expected error; none without expected errors."""
    import numpy as np

    from model.metrics.confidence import RELIABILITY, reliability

    errors = [one.errors_mm for one in measured if one.errors_mm is not None]
    rows = reliability(*np.concatenate(errors, axis=1)) if errors else []
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, RELIABILITY, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: round(value, 6) for name, value in row.items()} for row in rows)


def _write_curves(path: Path, measured: Sequence[Measured], names: Sequence[str]) -> None:
    """F at each threshold, mean of the cases, a column per row of the table."""
    import numpy as np

    means = [np.mean([one.curves[name] for one in measured if name in one.curves], axis=0) for name in names]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["threshold", *names])
        writer.writerows(
            [threshold, *map("{:.6f}".format, row)] for threshold, *row in zip(CURVE_THRESHOLDS, *means, strict=True)
        )
