"""Readers for the results of a run: metrics, curves, and each case's ground truth, prediction and views."""

import csv
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scans.errors import UserError
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.table import open_shard, read_columns, read_rows, to_array
from scans.shards.views import read_views
from stages.runtime.workspace import (
    CASES,
    CURVES,
    INTERVALS,
    LEARNING_CURVE,
    METRICS,
    PREDICTIONS,
    PREPARED,
    TEETH,
    VIEWS,
)

Row = dict[str, Any]
SHAPES = {**dict.fromkeys(("points", "normals", "vertices", "faces"), (-1, 3)), "expected_error": (-1,)}


@dataclass(frozen=True, slots=True)
class Jaw:
    """A point cloud and optionally a mesh in the normalised frame; `x * radius + center` is millimetres.

    Attributes:
        points: (N, 3) with `normals` (N, 3) or None.
        center: (3,), mm. radius: mm.
        vertices: (V, 3) with `faces` (F, 3), or None.
        expected_error: (N,) expected distance of each point to the true surface, normalised, or None.
    """

    points: np.ndarray
    normals: np.ndarray | None
    center: np.ndarray
    radius: float
    vertices: np.ndarray | None = None
    faces: np.ndarray | None = None
    expected_error: np.ndarray | None = None

    def in_frame_of(self, other: "Jaw") -> "Jaw":
        """This jaw in the normalised frame of another."""
        scale, shift = self.radius / other.radius, (self.center - other.center) / other.radius
        vertices = None if self.vertices is None else self.vertices * scale + shift
        expected = None if self.expected_error is None else self.expected_error * scale
        return Jaw(
            self.points * scale + shift, self.normals, other.center, other.radius, vertices, self.faces, expected
        )


@dataclass(frozen=True, slots=True)
class Results:
    """The folder of a run, with reports/ and perhaps data/."""

    folder: Path

    def metrics(self) -> dict[str, Row]:
        """Mean of each metric over the cases, by row of the results (`model`, `mean_shape`, ...)."""
        return _read_json(self.folder / METRICS)

    def intervals(self) -> dict[str, Row]:
        """95 % interval [low, high] of each metric, by row of the results; empty if the run has none."""
        path = self.folder / INTERVALS
        return _read_json(path) if path.exists() else {}

    def cases(self, row: str = "model") -> list[Row]:
        """The metrics of each case for one row of the results, sorted by id."""
        return sorted(_rows(self.folder / CASES, row), key=lambda each: each["id"])

    def teeth(self, row: str = "model") -> list[Row]:
        """The metrics of each tooth (`fdi`, 0 = gingiva) of each case; empty if the run has none."""
        path = self.folder / TEETH
        return _rows(path, row) if path.exists() else []

    def curves(self) -> dict[str, list[float]]:
        """F-score by `threshold`, one column per row of the results."""
        return _read_csv(self.folder / CURVES)

    def training(self) -> dict[str, list[float]]:
        """Columns of the learning curve; empty for a model that was trained elsewhere."""
        path = self.folder / LEARNING_CURVE
        return _read_csv(path) if path.exists() else {}

    def split(self) -> str:
        """The split that was evaluated."""
        return next((split for split in SPLITS if shard_paths(self.folder / PREDICTIONS, split)), "test")

    def predictions(self, ids: Collection[str]) -> dict[str, Jaw]:
        """The predicted jaws of the cases."""
        return self._jaws(PREDICTIONS, ids, ("vertices", "faces", "expected_error"))

    def ground_truths(self, ids: Collection[str]) -> dict[str, Jaw]:
        """The ground-truth point clouds of the cases."""
        return self._jaws(PREPARED, ids, ())

    def views(self, ids: Collection[str]) -> dict[str, list[bytes | None]]:
        """The views of the cases as PNG bytes; None for an absent view."""
        paths = shard_paths(self.folder / VIEWS, self.split())
        return {case.id: list(case.views) for path in paths for case in read_views(path) if case.id in ids}

    def _jaws(self, folder: Path, ids: Collection[str], more: Collection[str]) -> dict[str, Jaw]:
        wanted = ["id", "points", "normals", "center", "radius", *more]
        jaws = {}
        for path in shard_paths(self.folder / folder, self.split()):
            columns = [name for name in open_shard(path).schema_arrow.names if name in wanted]
            for row in read_rows(path, columns):
                if (case_id := row["id"].as_py()) not in ids:
                    continue
                # Copies: Arrow's own memory can't be written to, which PyTorch warns of.
                arrays: dict[str, Any] = {
                    name: to_array(row[name]).reshape(shape).copy() if name in row and row[name].is_valid else None
                    for name, shape in SHAPES.items()
                }
                jaws[case_id] = Jaw(center=to_array(row["center"]), radius=row["radius"].as_py(), **arrays)
        return jaws


def _rows(path: Path, row: str) -> list[Row]:
    _require(path)
    names = open_shard(path).schema_arrow.names
    return [each for each in read_columns(path, names).to_pylist() if each["row"] == row]


def _read_json(path: Path) -> dict[str, Any]:
    _require(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error}). Run `tenview evaluate` again.") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: not a table of metrics. Run `tenview evaluate` again.")
    return found


def _read_csv(path: Path) -> dict[str, list[float]]:
    """Columns of numbers; an empty field is NaN."""
    _require(path)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return {name: [float(row[name] or "nan") for row in rows] for name in (rows[0] if rows else ())}
    except (TypeError, ValueError):
        raise UserError(f"{path}: not a table of numbers. Run the stage that writes it again: `dvc repro`.") from None


def _require(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path}: not found. Run `dvc repro`, or `tenview evaluate`, first.")
