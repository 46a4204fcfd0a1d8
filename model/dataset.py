"""The cases of a split, as training and evaluation read them from the shards."""

from pathlib import Path

import numpy as np

from model.case import Case
from scans.errors import UserError
from scans.png import decode_png
from scans.shards.naming import shard_paths
from scans.shards.table import read_columns, to_array
from scans.shards.views import ViewsCase, read_views


def load_cases(prepared: Path, views: Path, split: str) -> list[Case]:
    """All cases of a split, pictures decoded, in the shards' order.

    Memory per case: 12 bytes a point and one byte a pixel, 0.7 MB with 50,000 points and ten views of 112 px.

    Args:
        prepared, views: the folders of the two families of shards.

    Raises:
        UserError: shards are missing, damaged, the two families are not about the same cases, or the cases' views
            differ in number or size.
    """
    cases = []
    pairs = zip(shard_paths(prepared, split), shard_paths(views, split), strict=False)
    if len(shard_paths(prepared, split)) != len(shard_paths(views, split)):
        raise UserError(f"{views}: not as many {split} shards as in {prepared}. Run `dvc repro` to render them again.")
    for prepared_path, views_path in pairs:
        table = read_columns(prepared_path, ["id", "points", "radius"])
        rows = list(read_views(views_path))
        if table["id"].to_pylist() != [row.id for row in rows]:
            raise UserError(f"{views_path}: other cases than in {prepared_path}. Run `dvc repro` to render them again.")
        for number, row in enumerate(rows):
            pictures, present = _pictures(row, views_path)
            points = to_array(table["points"][number]).reshape(-1, 3).copy()  # Arrow's own memory can't be written to
            cases.append(Case(row.id, pictures, present, points, table["radius"][number].as_py()))
    if len({case.views.shape for case in cases}) > 1:
        raise UserError(
            f"{views}: {split} shards of several rigs or picture sizes. Run `dvc repro` to render them again."
        )
    return cases


def _pictures(row: ViewsCase, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of a case in the places of the rig's views, and which of these are there."""
    present = np.array([png is not None for png in row.views])
    if not present.any():
        raise UserError(f"{path}: case {row.id} shows no view. Run `dvc repro` to render it again.")
    images = [decode_png(png, f"{path}, case {row.id}, view {k}") for k, png in enumerate(row.views) if png is not None]
    pictures = np.zeros((len(present), *images[0].shape), np.uint8)
    pictures[present] = images
    return pictures, present
