"""report: one self-contained page with the figures, the curves and pictures of cases."""

import base64
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scans.errors import UserError
from scans.files import whole_file
from scans.shards.clouds import read_clouds
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.table import read_columns, to_array
from scans.shards.views import read_views
from stages.params import Params
from stages.progress import say
from stages.workspace import CASES, CURVES, LEARNING_CURVE, METRICS, PAGE, PREDICTIONS, PREPARED, VIEWS

TEMPLATE = Path(__file__).with_name("report.html")
COLUMNS = {
    "f_035": "F at 0.035",
    "precision_035": "precision at 0.035",
    "recall_035": "recall at 0.035",
    "f_010": "F at 0.010",
    "chamfer_mm": "Chamfer, mm",
    "accuracy_mm": "prediction to truth, mm",
    "completeness_mm": "truth to prediction, mm",
    "neighbour_cv": "unevenness of the points",
}
ROWS = {"model": "network", "mean_arch": "constant mean arch"}


def run(params: Params) -> None:
    """Write reports/index.html from what the other stages left."""
    for path in (METRICS, CASES, CURVES):
        if not path.exists():
            raise UserError(f"{path}: not found. Run `dvc repro`, or `tenview evaluate`, first.")
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    from stages import pictures

    figures = read_columns(CASES, ["id", "row", "f_035", "chamfer_mm"]).to_pylist()
    chosen = choose([row for row in figures if row["row"] == "model"], params.report.cases)
    ids = {row["id"] for row in chosen}
    split = next((split for split in SPLITS if shard_paths(PREDICTIONS, split)), "test")
    predictions = {cloud.id: cloud for path in shard_paths(PREDICTIONS, split) for cloud in read_clouds(path)}
    views = {case.id: case for path in shard_paths(VIEWS, split) for case in read_views(path) if case.id in ids}
    truths = _truths(split, ids)
    if not all(ids <= found.keys() for found in (predictions, views, truths)):
        raise UserError(f"{CASES}: about other cases than {PREDICTIONS} or {VIEWS}. Run `tenview evaluate` again.")
    cases = []
    for row in chosen:
        cloud = predictions[row["id"]]
        picture = pictures.side_by_side(truths[row["id"]], cloud.points, cloud.radius)
        cases.append(
            {**row, "views": [png and _embed(png) for png in views[row["id"]].views], "picture": _embed(picture)}
        )
    # A model that was trained elsewhere comes without its curve.
    learning = _embed(pictures.learning_curve(_read_csv(LEARNING_CURVE))) if LEARNING_CURVE.exists() else None
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=select_autoescape())
    page = environment.get_template(TEMPLATE.name).render(
        columns=COLUMNS,
        rows=ROWS,
        metrics=json.loads(METRICS.read_text(encoding="utf-8")),
        split=split,
        learning=learning,
        curves=_embed(pictures.accuracy_curves(_read_csv(CURVES), ROWS)),
        cases=cases,
    )
    with whole_file(PAGE) as path:
        path.write_text(page, encoding="utf-8")
    say(f"report: {PAGE}")


def choose(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` cases spread evenly by rank from the worst F at 0.035 to the best, both ends among them."""
    ranked = sorted(rows, key=lambda row: (row["f_035"], row["id"]))
    count = min(count, len(ranked))
    places = [round(place * (len(ranked) - 1) / max(count - 1, 1)) for place in range(count)]
    return [ranked[place] for place in places]


def _truths(split: str, ids: set[str]) -> dict[str, Any]:
    """(N, 3) true points of the cases."""
    found = {}
    for path in shard_paths(PREPARED, split):
        table = read_columns(path, ["id", "points"])
        for number, case_id in enumerate(table["id"].to_pylist()):
            if case_id in ids:
                found[case_id] = to_array(table["points"][number]).reshape(-1, 3)
    return found


def _read_csv(path: Path) -> dict[str, list[float]]:
    """Columns of numbers; an empty field is NaN."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name] or "nan") for row in rows] for name in rows[0]}


def _embed(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
