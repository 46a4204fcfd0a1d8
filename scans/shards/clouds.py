"""Predicted clouds: one row per case, with what leads back to millimetres."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scans.shards.table import fixed_list, read_rows, to_array, write_rows


@dataclass(frozen=True, slots=True)
class PredictedCloud:
    """A reconstruction in the normalised frame; `x * radius + center` is millimetres.

    Attributes:
        points: (N, 3) float32.
        center: (3,) float64, mm. radius: mm. Both are the scan's own: pictures alone don't tell them.
    """

    id: str
    points: np.ndarray
    center: np.ndarray
    radius: float


def write_clouds(path: Path, clouds: Iterable[PredictedCloud], point_count: int, metadata: Mapping[str, Any]) -> None:
    """Write clouds of `point_count` points; `metadata` (plain JSON) goes into the file's, under `tenview`."""
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("points", pa.list_(pa.float32(), 3 * point_count)),
            ("center", pa.list_(pa.float64(), 3)),
            ("radius", pa.float64()),
        ]
    )

    def row(cloud: PredictedCloud) -> list[pa.Array]:
        return [
            pa.array([cloud.id]),
            fixed_list(cloud.points, np.float32),
            fixed_list(np.asarray(cloud.center), np.float64),
            pa.array([cloud.radius], pa.float64()),
        ]

    write_rows(path, schema, map(row, clouds), metadata, split_bytes_of=("points",))


def read_clouds(path: Path) -> Iterator[PredictedCloud]:
    """The clouds of a file, one row group in memory at a time."""
    for row in read_rows(path):
        points = to_array(row["points"]).reshape(-1, 3)
        yield PredictedCloud(row["id"].as_py(), points, to_array(row["center"]), row["radius"].as_py())
