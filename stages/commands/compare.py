"""`tenview compare`: two runs side by side, case by case, with both jaws in one 3D view."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from ruamel.yaml import YAML

from model.metrics.bootstrap import mean_interval
from scans.errors import UserError
from scans.seeds import generator
from stages.pages import charts, metrics
from stages.pages.results import Jaw, Results, Row
from stages.pages.revisions import Run, find_run
from stages.pages.scene import WORST_SHOWN_MM, Layer, estimated_normals, legend_in_mm, pack
from stages.pages.write import write_page
from stages.params.dotted import flat
from stages.runtime.progress import say
from stages.runtime.workspace import CASES, PREDICTIONS, PREPARED

TEMPLATE = Path(__file__).parents[1] / "pages" / "compare.html"
CASES_SHOWN = 5
PAGE_BYTES = 14e6
GROUND_TRUTH, FIRST, SECOND = "#aab4c3", "#5a9bd4", "#e0a458"


def compare(a: str, b: str, page: Path) -> list[Row]:
    """Write a page that compares two runs; returns the rows of its table.

    Args:
        a, b: each a folder with reports/, the name of an experiment, or a Git revision.

    Raises:
        UserError: a run is missing or has no metrics.
    """
    with tempfile.TemporaryDirectory(prefix="tenview-compare-") as scratch:
        folders = [Path(scratch, side) for side in "ab"]
        for folder in folders:
            folder.mkdir()
        runs = [find_run(name, folder) for name, folder in zip((a, b), folders, strict=True)]
        results = [Results(run.folder) for run in runs]
        notes = [sentence for run in runs for sentence in run.missing]
        names = _labels(a, b)
        pairs = _pairs(results, names, notes)
        means = [result.metrics() for result in results]
        rows = table(pairs) if pairs else _unpaired(*(each["model"] for each in means))
        write_page(
            TEMPLATE,
            page,
            names=names,
            rows=rows,
            pairs=pairs,
            baselines=_baselines(*means),
            notes=notes,
            params=_changed_params(runs),
            changes=charts.changes([100 * pair["difference"] for pair in pairs], "F-score, percentage points", names)
            if pairs
            else None,
            cases=_cases(results, names, pairs, notes),
            legends={
                "distance": legend_in_mm("distance to the ground truth"),
                "other": legend_in_mm("distance to the other run"),
            },
        )
    for note in notes:
        say(f"compare: {note}")
    return rows


def print_table(rows: Sequence[Row], a: str, b: str) -> None:
    """Print the rows that `compare` returned."""
    shown = Table(
        "metric", *(Column(name, justify="right") for name in (a, b, "difference", "95 % interval")), box=None
    )
    for row in rows:
        name = row["name"]
        between = row["interval"] and " to ".join(metrics.show_signed(end, name) for end in row["interval"])
        shown.add_row(
            metrics.title(name),
            *(metrics.show(row[side], name) for side in "ab"),
            metrics.show_signed(row["difference"], name),
            between or "–",
        )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(shown)


def table(pairs: Sequence[Row]) -> list[Row]:
    """One row per metric: both means, the mean paired difference b − a with its interval, and the counts of better and
    worse cases.

    Args:
        pairs: one per case, with its metrics in either run as `a` and `b`.
    """
    rows = []
    for name in metrics.names([pairs[0]["a"]]):
        if any(pair[side].get(name) is None for pair in pairs for side in "ab"):
            continue
        differences = np.array([pair["b"][name] - pair["a"][name] for pair in pairs])
        rows.append(
            {
                "name": name,
                "a": fmean(pair["a"][name] for pair in pairs),
                "b": fmean(pair["b"][name] for pair in pairs),
                "difference": float(differences.mean()),
                "interval": interval(differences, name),
                "better": sum(metrics.better(name, difference) for difference in differences),
                "worse": sum(metrics.better(name, -difference) for difference in differences),
            }
        )
    return rows


def interval(differences: np.ndarray, name: str) -> tuple[float, float] | None:
    """95 % bootstrap interval of the mean of paired differences (N,); None for fewer than two.

    The resampling is seeded by `name` alone.
    """
    return mean_interval(differences, generator(0, name)) if len(differences) > 1 else None


def _labels(a: str, b: str) -> tuple[str, str]:
    """Names of the runs on the page: a folder's name without its path, unless both are the same."""
    first, second = (Path(name).resolve().name if Path(name).is_dir() else name for name in (a, b))
    return (first, second) if first != second else (a, b)


def _pairs(results: Sequence[Results], names: tuple[str, str], notes: list[str]) -> list[Row]:
    """The cases that both runs have measured, with the metrics of either."""
    if not all((result.folder / CASES).exists() for result in results):
        notes.append(f"Without {CASES} of both runs there are only the means to compare, and no paired differences.")
        return []
    first, second = ({row["id"]: row for row in result.cases()} for result in results)
    shared = sorted(first.keys() & second.keys())
    if not shared:
        notes.append("The runs have no case in common: the means are those of different jaws.")
    elif len(shared) < max(len(first), len(second)):
        notes.append(
            f"Only the {len(shared)} cases that both have count here; {names[0]} has {len(first)}, "
            f"{names[1]} has {len(second)}."
        )
    return [
        {"id": key, "a": first[key], "b": second[key], "difference": second[key]["f_035"] - first[key]["f_035"]}
        for key in shared
    ]


def _unpaired(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Row]:
    return [
        {"name": name, "a": a[name], "b": b[name], "difference": b[name] - a[name], "interval": None}
        for name in metrics.names([a])
        if b.get(name) is not None
    ]


def _baselines(a: Mapping[str, Row], b: Mapping[str, Row]) -> list[Row]:
    """F-score at 0.035 of the baselines that either run has; they depend on the data, not on the network."""
    others = [row for row in {**a, **b} if row != "model"]
    return [{"row": row, "a": a.get(row, {}).get("f_035"), "b": b.get(row, {}).get("f_035")} for row in others]


def _changed_params(runs: Sequence[Run]) -> list[tuple[str, Any, Any]]:
    """Parameters whose values differ: key, value in a, value in b."""
    first, second = (_flat(run.folder / "params.yaml") for run in runs)
    keys = sorted(key for key in first.keys() | second.keys() if not key.startswith("compute."))
    return [(key, first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)]


def _flat(path: Path) -> dict[str, Any]:
    """The values of a params.yaml by dotted keys; empty where there is none."""
    if not path.exists():
        return {}
    return flat(YAML(typ="safe", pure=True).load(path) or {})


def _cases(
    results: Sequence[Results], names: tuple[str, str], pairs: Sequence[Row], notes: list[str]
) -> list[dict[str, Any]]:
    """Scenes of cases from the largest loss to the largest gain."""
    if not pairs or not all((result.folder / PREDICTIONS).is_dir() for result in results):
        return []
    chosen = metrics.choose(pairs, CASES_SHOWN, "difference")
    ids = {pair["id"] for pair in chosen}
    first, second = (result.predictions(ids) for result in results)
    truths = _ground_truths([*results, Results(Path())], ids)
    if not truths:
        notes.append(f"No {PREPARED} here or in the runs' folders holds these cases: shown without ground truth.")
    cases = []
    for pair in chosen:
        key = pair["id"]
        if key not in first or key not in second:
            raise UserError(f"{PREDICTIONS}: without {key}, which {CASES} has. Run `tenview evaluate` again.")
        layers = _layers(first[key], second[key], truths.get(key), names)
        cases.append({**pair, "scene": pack(layers, PAGE_BYTES / len(chosen), key)})
    return cases


def _ground_truths(places: Sequence[Results], ids: set[str]) -> dict[str, Jaw]:
    """The ground truth from the first folder that has data; a revision has none of its own."""
    for results in places:
        if (results.folder / PREPARED).is_dir():
            return results.ground_truths(ids)
    return {}


def _layers(a: Jaw, b: Jaw, truth: Jaw | None, names: tuple[str, str]) -> list[Layer]:
    """Both predictions in the frame of the ground truth, or else of the first, each coloured by its distances."""
    from model.metrics.distances import compare as distances

    frame = truth or a
    jaws = [jaw.in_frame_of(frame) for jaw in (a, b)]
    between = distances(jaws[0].points, jaws[1].points)
    to_other = between.pred_to_gt, between.gt_to_pred
    unit = frame.radius / WORST_SHOWN_MM
    layers = []
    for jaw, other, name, colour in zip(jaws, to_other, names, (FIRST, SECOND), strict=True):
        values = {"other": other * unit}
        if truth is not None:
            values["distance"] = distances(jaw.points, truth.points).pred_to_gt * unit
        normals = estimated_normals(jaw.points) if jaw.normals is None else jaw.normals
        layers.append(Layer(name, colour, jaw.points, normals, None, values))
    if truth is not None:
        layers.append(Layer("ground truth", GROUND_TRUTH, truth.points, truth.normals, shown=False))
    return layers
