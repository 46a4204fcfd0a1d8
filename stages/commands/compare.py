"""`tenview compare`: two runs side by side, case by case, and both jaws over each other."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from ruamel.yaml import YAML
from scipy.spatial import cKDTree
from scipy.stats import bootstrap

from scans.errors import UserError
from scans.seeds import generator
from stages.pages import charts, figures
from stages.pages.results import Jaw, Results, Row
from stages.pages.revisions import Run, find_run
from stages.pages.scene import WORST_SHOWN_MM, Layer, estimated_normals, pack
from stages.pages.write import write_page
from stages.params.dotted import flat
from stages.runtime.progress import say
from stages.runtime.workspace import CASES, PREDICTIONS, PREPARED

TEMPLATE = Path(__file__).parents[1] / "pages" / "compare.html"
CASES_SHOWN = 5
PAGE_BYTES = 14e6
RESAMPLES = 10_000
CONFIDENCE = 0.95
TRUTH, FIRST, SECOND = "#aab4c3", "#5a9bd4", "#e0a458"


def compare(a: str, b: str, page: Path) -> list[Row]:
    """Write a page on two runs; returns the rows of its table.

    Args:
        a, b: each a folder with reports/, the name of an experiment, or a Git revision.

    Raises:
        UserError: a run is not there or has no figures.
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
            changes=charts.changes([100 * pair["difference"] for pair in pairs], "F at 0.035, points", names)
            if pairs
            else None,
            cases=_cases(results, names, pairs, notes),
            legends={
                "distance": {"name": "distance to the truth", "low": "0", "high": f"≥ {WORST_SHOWN_MM:g} mm"},
                "other": {"name": "distance to the other run", "low": "0", "high": f"≥ {WORST_SHOWN_MM:g} mm"},
            },
        )
    for note in notes:
        say(f"compare: {note}")
    return rows


def print_table(rows: Sequence[Row], a: str, b: str) -> None:
    """Print the rows that `compare` returned."""
    shown = Table(
        "figure", *(Column(name, justify="right") for name in (a, b, "difference", "95 % interval")), box=None
    )
    for row in rows:
        name = row["name"]
        between = row["interval"] and " to ".join(figures.show_signed(end, name) for end in row["interval"])
        shown.add_row(
            figures.title(name),
            *(figures.show(row[side], name) for side in "ab"),
            figures.show_signed(row["difference"], name),
            between or "–",
        )
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(shown)


def table(pairs: Sequence[Row]) -> list[Row]:
    """A row per figure: both means, the mean paired difference b − a with its interval, and who is better how often.

    Args:
        pairs: of each case, `a` and `b`: its figures in either run.
    """
    rows = []
    for name in figures.names([pairs[0]["a"]]):
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
                "better": sum(figures.better(name, difference) for difference in differences),
                "worse": sum(figures.better(name, -difference) for difference in differences),
            }
        )
    return rows


def interval(differences: np.ndarray, name: str) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the mean of paired differences (N,); None for fewer than two.

    Chance depends on `name` alone.
    """
    if len(differences) < 2:
        return None
    found = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=generator(0, name),
    ).confidence_interval
    return float(found.low), float(found.high)


def _labels(a: str, b: str) -> tuple[str, str]:
    """What the page calls the runs: of a folder its name without the path, where that tells them apart."""
    first, second = (Path(name).resolve().name if Path(name).is_dir() else name for name in (a, b))
    return (first, second) if first != second else (a, b)


def _pairs(results: Sequence[Results], names: tuple[str, str], notes: list[str]) -> list[Row]:
    """The cases that both runs have measured, with the figures of either."""
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
        for name in figures.names([a])
        if b.get(name) is not None
    ]


def _baselines(a: Mapping[str, Row], b: Mapping[str, Row]) -> list[Row]:
    """F at 0.035 of the other rows of the table, where either run has them: the data's, not the network's."""
    others = [row for row in {**a, **b} if row != "model"]
    return [{"row": row, "a": a.get(row, {}).get("f_035"), "b": b.get(row, {}).get("f_035")} for row in others]


def _changed_params(runs: Sequence[Run]) -> list[tuple[str, Any, Any]]:
    """Parameters with other values in the runs: key, a's, b's."""
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
    """The scenes of the cases that changed for the worse, the middle and the better."""
    if not pairs or not all((result.folder / PREDICTIONS).is_dir() for result in results):
        return []
    chosen = figures.choose(pairs, CASES_SHOWN, "difference")
    ids = {pair["id"] for pair in chosen}
    first, second = (result.predictions(ids) for result in results)
    truths = _truths([*results, Results(Path())], ids)
    if not truths:
        notes.append(f"No {PREPARED} here or in the runs' folders holds these cases: the jaws stand without the truth.")
    cases = []
    for pair in chosen:
        key = pair["id"]
        if key not in first or key not in second:
            raise UserError(f"{PREDICTIONS}: without {key}, which {CASES} has. Run `tenview evaluate` again.")
        layers = _layers(first[key], second[key], truths.get(key), names)
        cases.append({**pair, "scene": pack(layers, PAGE_BYTES / len(chosen), key)})
    return cases


def _truths(places: Sequence[Results], ids: set[str]) -> dict[str, Jaw]:
    """The true clouds from the first folder that has data; a revision has none of its own."""
    for results in places:
        if (results.folder / PREPARED).is_dir():
            return results.truths(ids)
    return {}


def _layers(a: Jaw, b: Jaw, truth: Jaw | None, names: tuple[str, str]) -> list[Layer]:
    """Both predictions in the frame of the truth, or of the first, each coloured by its distances."""
    frame = truth or a
    jaws = [jaw.in_frame_of(frame) for jaw in (a, b)]
    trees = [cKDTree(jaw.points) for jaw in jaws]
    true_tree = None if truth is None else cKDTree(truth.points)
    unit = frame.radius / WORST_SHOWN_MM
    layers = []
    for jaw, other, name, colour in zip(jaws, reversed(trees), names, (FIRST, SECOND), strict=True):
        values = {"other": other.query(jaw.points)[0] * unit}
        if true_tree is not None:
            values["distance"] = true_tree.query(jaw.points)[0] * unit
        normals = estimated_normals(jaw.points) if jaw.normals is None else jaw.normals
        layers.append(Layer(name, colour, jaw.points, normals, None, values))
    if truth is not None:
        layers.append(Layer("truth", TRUTH, truth.points, truth.normals, shown=False))
    return layers
