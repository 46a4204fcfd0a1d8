"""Predicted clouds: one row per case, with their surfaces where a network makes one, and what leads back to mm."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scans.mesh import Mesh
from scans.shards.table import fixed_list, list_or_null, write_rows


@dataclass(frozen=True, slots=True)
class PredictedCloud:
    """A reconstruction in the normalised frame; `x * radius + center` is millimetres.

    Attributes:
        points: (N, 3) float32.
        center: (3,) float64, mm. radius: mm. Both are the scan's own: pictures alone don't tell them.
        normals: (N, 3) float32, labels: (N,) uint8 and the surface; None where the network makes points alone.
        views_seen: (N,) uint8, number of views that see each point. expected_error: (N,) float32, its expected distance
            to the true surface. None where that isn't known.
    """

    id: str
    points: np.ndarray
    center: np.ndarray
    radius: float
    normals: np.ndarray | None = None
    labels: np.ndarray | None = None
    mesh: Mesh | None = None
    views_seen: np.ndarray | None = None
    expected_error: np.ndarray | None = None


def write_clouds(path: Path, clouds: Iterable[PredictedCloud], point_count: int, metadata: Mapping[str, Any]) -> None:
    """Write clouds of `point_count` points; `metadata` (plain JSON) goes into the file's, under `tenview`."""
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("points", pa.list_(pa.float32(), 3 * point_count)),
            ("center", pa.list_(pa.float64(), 3)),
            ("radius", pa.float64()),
            ("normals", pa.list_(pa.float32())),
            ("labels", pa.list_(pa.uint8())),
            ("vertices", pa.list_(pa.float32())),
            ("faces", pa.list_(pa.int32())),
            ("vertex_labels", pa.list_(pa.uint8())),
            ("views_seen", pa.list_(pa.uint8())),
            ("expected_error", pa.list_(pa.float32())),
        ]
    )

    def row(cloud: PredictedCloud) -> list[pa.Array]:
        return [
            pa.array([cloud.id]),
            fixed_list(cloud.points, np.float32),
            fixed_list(np.asarray(cloud.center), np.float64),
            pa.array([cloud.radius], pa.float64()),
            list_or_null(cloud.normals, np.float32),
            list_or_null(cloud.labels, np.uint8),
            list_or_null(None if cloud.mesh is None else cloud.mesh.vertices, np.float32),
            list_or_null(None if cloud.mesh is None else cloud.mesh.faces, np.int32),
            list_or_null(None if cloud.mesh is None else cloud.mesh.labels, np.uint8),
            list_or_null(cloud.views_seen, np.uint8),
            list_or_null(cloud.expected_error, np.float32),
        ]

    write_rows(path, schema, map(row, clouds), metadata, split_bytes_of=("points", "normals", "vertices"))
