"""Prepared shards: sampled points and normalised mesh, one row per case."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scans.mesh import Mesh
from scans.shards.table import fixed_list, list_or_null, plain_floats, read_rows, to_array, write_rows


@dataclass(frozen=True, slots=True)
class PreparedCase:
    """A normalised case: `x_mm = x * radius + center` leads back to millimetres in Teeth3DS's frame.

    Attributes:
        points: (N, 3) float32 surface points in the unit sphere, with `normals` (N, 3) float32 and
            `labels` (N,) uint8 (FDI, 0 = gingiva or unknown).
        center: (3,) float64, mm. radius: mm.
        mesh: the cleaned mesh, normalised like the points.
        source: SHA-256 of the scan's files.
        cleaning: what was removed from the scan, by kind.
    """

    id: str
    split: str
    points: np.ndarray
    normals: np.ndarray
    labels: np.ndarray
    center: np.ndarray
    radius: float
    mesh: Mesh
    source: str
    cleaning: Mapping[str, Any]


def write_prepared(path: Path, cases: Iterable[PreparedCase], point_count: int, metadata: Mapping[str, Any]) -> None:
    """Write a prepared shard.

    Args:
        metadata: plain JSON for the file's metadata, under `tenview`; read after the last case, so that whoever yields
            the cases can still add to it.
    """
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("split", pa.string()),
            plain_floats("points", 3 * point_count),
            ("normals", pa.list_(pa.float32(), 3 * point_count)),
            ("labels", pa.list_(pa.uint8(), point_count)),
            ("center", pa.list_(pa.float64(), 3)),
            ("radius", pa.float64()),
            ("vertices", pa.list_(pa.float32())),
            ("faces", pa.list_(pa.int32())),
            ("vertex_labels", pa.list_(pa.uint8())),
            ("source", pa.string()),
            ("cleaning", pa.string()),
        ],
    )

    def row(case: PreparedCase) -> list[pa.Array]:
        return [
            pa.array([case.id]),
            pa.array([case.split]),
            fixed_list(case.points, np.float32),
            fixed_list(case.normals, np.float32),
            fixed_list(case.labels, np.uint8),
            fixed_list(case.center, np.float64),
            pa.array([case.radius], pa.float64()),
            list_or_null(case.mesh.vertices, np.float32),
            list_or_null(case.mesh.faces, np.int32),
            list_or_null(case.mesh.labels, np.uint8),
            pa.array([case.source]),
            pa.array([json.dumps(case.cleaning, sort_keys=True)]),
        ]

    write_rows(path, schema, map(row, cases), metadata, split_bytes_of=("normals", "vertices"))


def read_prepared(path: Path) -> Iterator[PreparedCase]:
    """The cases of a prepared shard, one row group in memory at a time."""
    return map(prepared_case, read_rows(path))


def prepared_case(row: Mapping[str, pa.Scalar]) -> PreparedCase:
    """The case in a row of a prepared shard, all columns of which were read. Its arrays can't be written to."""
    return PreparedCase(
        id=row["id"].as_py(),
        split=row["split"].as_py(),
        points=to_array(row["points"]).reshape(-1, 3),
        normals=to_array(row["normals"]).reshape(-1, 3),
        labels=to_array(row["labels"]),
        center=to_array(row["center"]),
        radius=row["radius"].as_py(),
        mesh=_mesh(row),
        source=row["source"].as_py(),
        cleaning=json.loads(row["cleaning"].as_py()),
    )


def read_meshes(path: Path) -> Iterator[tuple[str, str, Mesh]]:
    """(id, split, normalised mesh) of each case of a prepared shard; the points stay unread."""
    for row in read_rows(path, ["id", "split", "vertices", "faces", "vertex_labels"]):
        yield row["id"].as_py(), row["split"].as_py(), _mesh(row)


def _mesh(row: Mapping[str, pa.Scalar]) -> Mesh:
    labels = row["vertex_labels"]
    vertices, faces = (to_array(row[name]).reshape(-1, 3) for name in ("vertices", "faces"))
    return Mesh(vertices, faces, to_array(labels) if labels.is_valid else None)
