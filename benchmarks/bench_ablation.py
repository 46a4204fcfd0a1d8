"""What each part of the default training is worth: params.yaml with one thing changed, on the same jaws.

    python benchmarks/bench_ablation.py FOLDER [ROW ...]

FOLDER receives a run of the pipeline for each row and seed (`train.seed`); a run that has been measured is not made
again. ROW is the number of a row, from 0; without one all are run. The table has the rows that have been measured.
The networks are measured on all test jaws, whose frames and cameras are not jittered, by the reconstructions of
`tenview evaluate`, but without an error head and what it leaves out. There is no peer.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import torch

from model.cases.dataset import CaseDataset
from model.metrics.attributes import label_accuracy, normal_consistency
from model.metrics.distances import compare, metrics, unit_of
from model.networks.checkpoint import load_checkpoint
from stages.params import presets
from stages.params.edit import write_values
from stages.runtime.workspace import MODEL, NETWORK, PREPARED, SCANS, VIEWS

PARAMS, FIGURES = Path("params.yaml"), Path("figures.json")
COLUMNS = {  # in per cent, but for those in mm
    "f_035": "F-score at 0.035",
    "f_010": "at 0.010",
    "chamfer_mm": "Chamfer, mm",
    "normal_consistency": "normals",
    "label_accuracy": "labels",
    "radius_error_mm": "radius, mm",
}
# So that the default run is as it is, but for its validations: the last epoch counts.
BASE = {"train.validation_cases": 1, "train.validation_interval": 1000}


class Row(NamedTuple):
    """A line of the table: what it says, values by dotted keys, and how many seeds are run."""

    what: str
    values: Mapping[str, Any]
    seeds: int = 1


def preset(name: str, epochs: int, later: tuple[int, ...]) -> dict[str, Any]:
    """A paper's preset, on the default jaws and picture size, for so many epochs.

    Args:
        later: the epochs in which the later stages of its loss begin.
    """
    values = presets.read(name)
    loss = [
        stage | {"first_epoch": first} for stage, first in zip(values["train.cloud.loss"], (0, *later), strict=True)
    ]
    own = {key: value for key, value in values.items() if key.startswith(("prepare.frame", "render.crop", "render.j"))}
    own |= {key: value for key, value in values.items() if key.startswith("train.") and key not in BASE}
    shorter = {"train.epochs": epochs, "train.cosine_epochs": 0, "train.cloud.matched_points": 1000}
    return own | shorter | {"train.cloud.loss": loss}


ROWS = (
    Row("default", {}, 3),
    Row("whole pictures, not cropped to the silhouette", {"render.crop": "none"}),
    Row(
        "frames and cameras not jittered",
        {"prepare.frame_jitter.offset": 0.0, "prepare.frame_jitter.scale": 0.0}
        | {f"render.jitter.{name}": 0.0 for name in ("azimuth", "elevation", "distance", "roll", "aim")},
    ),
    Row("all views in each step", {"train.view_dropout": 0.0}),
    Row("half of the cases mirrored", {"train.field.mirror": 0.5}),
    Row(
        "another frame at each step",
        {
            key: value
            for key, value in presets.read("pretrained_jittered").items()
            if key.startswith("train.field.frame_jitter.")
        },
        3,
    ),
    Row("no moving average of the weights", {"train.ema_decay": 0.0}),
    Row("no loss of the unsigned distance", {"train.field.loss.unsigned_distance": 0.0}),
    Row("no loss of the sign", {"train.field.loss.sign": 0.0}),
    Row("no loss of the normals", {"train.field.loss.normal": 0.0}),
    Row("no loss of the labels", {"train.field.loss.label": 0.0}),
    Row("no query points about seed points", {"train.field.queries.seed_fraction": 0.0}),
    Row("narrower, channels 16 and view_width 32", {"train.field.channels": 16, "train.field.view_width": 32}),
    # The learning rate of a batch, whose cases are computed one after another, as fast as single ones. A moving average
    # over as many cases: its decay to the power of the cases.
    Row(
        "4 cases a step, learning rate × 2",
        {"train.batch_size": 4, "train.accumulate": 4, "train.learning_rate": 0.004, "train.ema_decay": 0.96},
    ),
    Row(
        "4 cases a step, learning rate × 4",
        {"train.batch_size": 4, "train.accumulate": 4, "train.learning_rate": 0.008, "train.ema_decay": 0.96},
    ),
    Row(
        "4 cases a step, learning rate × 2, four times the epochs",
        {
            "train.batch_size": 4,
            "train.accumulate": 4,
            "train.learning_rate": 0.004,
            "train.ema_decay": 0.99,
            "train.epochs": 48,
        },
    ),
    Row(
        "12 cases a step, learning rate × 4",
        {"train.batch_size": 12, "train.accumulate": 12, "train.learning_rate": 0.008, "train.ema_decay": 0.89},
    ),
    # As many epochs as the default's processor time allows.
    Row("`paper`", preset("paper", 4, (2,))),
    Row("`paper2`", preset("paper2", 4, (1, 2))),
)


def main() -> None:
    """Make the runs that are missing, and print the table in Markdown."""
    if len(sys.argv) < 2:
        print("bench_ablation: name a folder for the runs")
        return
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]).absolute()
    chosen = [int(each) for each in sys.argv[2:]] or range(len(ROWS))
    for number in chosen:
        for seed in range(ROWS[number].seeds):
            measure(folder, number, seed)
    print_table(folder)


def measure(folder: Path, number: int, seed: int) -> None:
    """Run the pipeline for a row and seed, and write the figures of its network; what is there stays."""
    run, values = folder / f"{number:02d}-{seed}", ROWS[number].values
    if (run / FIGURES).exists():
        return
    data = folder / "data"
    if not (data / VIEWS).exists():
        run_stages(data, {}, "download", "prepare", "render")
    own_data = any(key.startswith(("prepare.", "render.")) for key in values)
    for path in (SCANS,) if own_data else (SCANS, PREPARED, VIEWS):
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        if not (run / path).exists():
            (run / path).symlink_to(data / path)
    values = {**BASE, **values, "train.seed": seed}
    if own_data:
        run_stages(run, values, "prepare", "render")
    minutes = run_stages(run, values, "train")
    figures = {**figures_of(run), "minutes": minutes}
    (run / FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def run_stages(run: Path, values: Mapping[str, Any], *stages: str) -> float:
    """Run stages in a folder, with params.yaml but for some values; returns minutes of processor time."""
    run.mkdir(parents=True, exist_ok=True)
    shutil.copy(PARAMS, run)
    write_values(values, str(run), run / PARAMS)
    before = os.times()
    for stage in stages:
        print(f"{run.name}: {stage}", flush=True)
        subprocess.run(["tenview", stage], cwd=run, check=True, capture_output=True)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) / 60


def figures_of(run: Path) -> dict[str, float]:
    """Means over the test jaws."""
    network, _ = load_checkpoint(run / MODEL / NETWORK)
    rows = []
    for case in CaseDataset(run / PREPARED, run / VIEWS, "test", surface=True):
        made, unit = (
            network.reconstruct(case.views, case.view_mask, case.cameras, len(case.points)),
            unit_of(case.points),
        )
        found = compare(made.points, case.points, unit)
        row = metrics(found, case.radius * unit)
        if made.normals is not None and made.labels is not None and made.radius is not None:  # the papers have none
            row["radius_error_mm"] = abs(made.radius - case.radius)
            row["normal_consistency"] = normal_consistency(found, made.normals, case.normals)
            row["label_accuracy"] = label_accuracy(found, made.labels, case.labels)
        rows.append(row)
    return {name: fmean(row[name] for row in rows) for name in COLUMNS if name in rows[0]}


def print_table(folder: Path) -> None:
    """The rows that have been measured: means over their seeds, with the standard deviation where there are several."""
    print(f"| | seeds | {' | '.join(COLUMNS.values())} | minutes of training |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for number, row in enumerate(ROWS):
        paths = [folder / f"{number:02d}-{seed}" / FIGURES for seed in range(row.seeds)]
        runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
        if not runs:
            continue
        cells = []
        for name in COLUMNS:
            if name not in runs[0]:
                cells.append("")
                continue
            values = [run[name] * (1 if name.endswith("_mm") else 100) for run in runs]
            digits = 2 if name.endswith("_mm") else 1
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{fmean(values):.{digits}f}{spread}")
        minutes = fmean(run["minutes"] for run in runs)
        print(f"| {row.what} | {len(runs)} | {' | '.join(cells)} | {minutes:.1f} |")


if __name__ == "__main__":
    main()
