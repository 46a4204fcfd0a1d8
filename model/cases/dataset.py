"""The cases of a split as a map-style data set, read from the shards at random."""

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.cases.case import Case, Crop
from scans.errors import UserError
from scans.shards.naming import shard_paths
from scans.shards.png import decode_png
from scans.shards.random_rows import RandomRows
from scans.shards.table import read_columns, read_metadata, to_array
from scans.shards.views import COLUMNS, ViewsCase, view_counts, views_case

OPEN_SHARDS = 128  # of each family, in one process; a third of the usual bound on open files


class CaseDataset(Sequence[Case]):
    """All cases of a split in the shards' order; each is read and decoded at access, and none is kept.

    A map-style data set for `torch.utils.data.DataLoader` (with `collate_fn=collate`), with any number of workers,
    forked or spawned.

    Args:
        prepared, views: the folders of the two families of shards.
        surface: whether cases have normals and labels; they take about as long to read as all the rest.

    Attributes:
        radii: (N,) float64, jaw radius of each case in mm.
        crop: what the views show.

    Raises:
        UserError: shards are missing or damaged, or the two families do not hold the same cases; or, at a case, its
            views differ from the first case's in number or size.
    """

    radii: np.ndarray
    crop: Crop

    def __init__(self, prepared: Path, views: Path, split: str, *, surface: bool = False) -> None:
        self._surface = surface
        self._shards = list(zip(shard_paths(prepared, split), shard_paths(views, split), strict=False))
        if len(shard_paths(prepared, split)) != len(shard_paths(views, split)):
            raise UserError(
                f"{views}: not as many {split} shards as in {prepared}. Run `dvc repro` to render them again."
            )
        radii: list[float] = []
        self._places: list[tuple[int, int]] = []  # shard and row of each case
        for shard, (prepared_path, views_path) in enumerate(self._shards):
            table = read_columns(prepared_path, ["id", "radius"])
            if table["id"].to_pylist() != read_columns(views_path, ["id"])["id"].to_pylist():
                raise UserError(
                    f"{views_path}: other cases than in {prepared_path}. Run `dvc repro` to render them again."
                )
            radii += table["radius"].to_pylist()
            self._places += [(shard, row) for row in range(len(table))]
        self.radii = np.array(radii, np.float64)
        crops = {read_metadata(path).get("views", {}).get("crop", "none") for _, path in self._shards}
        if len(crops) > 1:
            raise UserError(f"{views}: cropped and whole {split} views. Run `dvc repro` to render them again.")
        self.crop = crops.pop() if crops else "none"
        self._open: OrderedDict[int, tuple[RandomRows, RandomRows]] = OrderedDict()
        self._process = os.getpid()
        self._shape: tuple[int, ...] | None = None  # of the first case's pictures, and so of all

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Case:  # type: ignore[override]  # slices are never needed
        shard, row = self._places[number]
        prepared, views = self._opened(shard)
        source = self._shards[shard][1]
        case = views_case(views.row(row, COLUMNS))
        pictures, view_mask = _pictures(case, source)
        self._shape = self._shape or pictures.shape
        if pictures.shape != self._shape:
            raise UserError(f"{source}: views of another rig or size. Run `dvc repro` to redo them.")
        if self._surface:
            columns = prepared.row(row, ["points", "normals", "labels"])  # in one read
            # Copies, because PyTorch warns of Arrow's memory, which can't be written to.
            arrays = {name: to_array(value).copy() for name, value in columns.items()}
        else:
            arrays = {"points": prepared.floats(row, "points")}
        return Case(
            id=case.id,
            views=pictures,
            view_mask=view_mask,
            points=arrays["points"].reshape(-1, 3),
            radius=float(self.radii[number]),
            cameras=case.cameras.copy(),
            normals=arrays["normals"].reshape(-1, 3) if self._surface else None,
            labels=arrays["labels"] if self._surface else None,
        )

    def points(self, number: int) -> np.ndarray:
        """(N, 3) float32, the points of a case; its views are neither read nor decoded."""
        shard, row = self._places[number]
        return self._opened(shard)[0].floats(row, "points").reshape(-1, 3)

    def view_counts(self) -> np.ndarray:
        """(N,) int64, how many views each case shows; the images are neither read nor decoded."""
        return np.array([count for _, path in self._shards for count in view_counts(path)], np.int64)

    def _opened(self, shard: int) -> tuple[RandomRows, RandomRows]:
        if self._process != os.getpid():  # forked: what is open belongs to the parent
            self._open, self._process = OrderedDict(), os.getpid()
        if shard not in self._open:
            prepared, views = self._shards[shard]
            self._open[shard] = RandomRows(prepared), RandomRows(views)
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(shard)
        return self._open[shard]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": OrderedDict()}  # a spawned worker opens its own


def _pictures(row: ViewsCase, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(V, H, W) or (V, H, W, 3) images of a case, 0 where it shows no view, and (V,) view mask."""
    view_mask = np.array([png is not None for png in row.views])
    if not view_mask.any():
        raise UserError(f"{path}: case {row.id} shows no view. Run `dvc repro` to render it again.")
    pngs = {k: png for k, png in enumerate(row.views) if png is not None}
    images = {k: decode_png(png, f"{path}, case {row.id}, view {k}") for k, png in pngs.items()}
    pictures = np.zeros((len(view_mask), *next(iter(images.values())).shape), np.uint8)
    for k, image in images.items():  # as one list they would be copied twice
        pictures[k] = image
    return pictures, view_mask


def collate(cases: Sequence[Case]) -> dict[str, Any]:
    """Collate B cases with equal numbers of views and points, for `torch.utils.data.DataLoader`.

    In a worker process the tensors of a batch lie in one block of shared memory, which the main process maps, and which
    is filled anew when none of them is left (`model.cases.shared_batch`). So a batch is to be unpickled once.

    Returns:
        id: B names. views: (B, V, H, W) or (B, V, H, W, 3) uint8. view_mask: (B, V) bool. cameras: (B, V, C) float64.
        points: (B, N, 3) float32. radius: (B,) float64, mm.
    """
    # Here, so that a stage tells of missing shards before it waits for torch.
    from torch.utils.data import get_worker_info

    from model.cases.shared_batch import new_batch

    columns: dict[str, Sequence[Any]] = {
        "views": [case.views for case in cases],
        "view_mask": [case.view_mask for case in cases],
        "cameras": [case.cameras for case in cases],
        "points": [case.points for case in cases],
        "radius": [np.float64(case.radius) for case in cases],
    }
    return new_batch([case.id for case in cases], columns, shared=get_worker_info() is not None)
