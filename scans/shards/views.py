"""View shards: the PNGs of a case and their cameras, one row per case, in the prepared shards' order."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scans.shards.table import fixed_list, read_rows, to_array, write_rows


@dataclass(frozen=True, slots=True)
class ViewsCase:
    """The rendered views of a case.

    Attributes:
        views: V PNG files in the order of the rig, None for a view that the case does not show.
        cameras: (V, C) float64, one row per view as `renderers.cameras` packs it, also where the view is absent.
    """

    id: str
    split: str
    views: Sequence[bytes | None]
    cameras: np.ndarray


def write_views(
    path: Path, cases: Iterable[ViewsCase], camera_shape: tuple[int, int], metadata: Mapping[str, Any]
) -> None:
    """Write a view shard, with the features that make Hugging Face datasets decode the pictures."""
    value = {"_type": "Value"}
    camera_length = camera_shape[0] * camera_shape[1]
    features = {
        "id": {"dtype": "string", **value},
        "split": {"dtype": "string", **value},
        "views": {"feature": {"_type": "Image"}, "_type": "List"},
        "cameras": {"feature": {"dtype": "float64", **value}, "length": camera_length, "_type": "List"},
    }
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("split", pa.string()),
            ("views", pa.list_(image)),
            ("cameras", pa.list_(pa.float64(), camera_length)),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )

    def row(case: ViewsCase) -> list[pa.Array]:
        views = [
            {"bytes": png, "path": f"view_{number:02d}.png"} if png is not None else None
            for number, png in enumerate(case.views)
        ]
        return [
            pa.array([case.id]),
            pa.array([case.split]),
            pa.array([views], pa.list_(image)),
            fixed_list(case.cameras, np.float64),
        ]

    write_rows(path, schema, map(row, cases), metadata)


def read_views(path: Path) -> Iterator[ViewsCase]:
    """The cases of a view shard, one row group in memory at a time."""
    for row in read_rows(path):
        views = [view["bytes"] if view else None for view in row["views"].as_py()]
        yield ViewsCase(
            row["id"].as_py(), row["split"].as_py(), views, to_array(row["cameras"]).reshape(len(views), -1)
        )
