"""View shards: the PNGs of a case and their cameras, one row per case, in the prepared shards' order."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scans.shards.table import fixed_list, read_columns, read_rows, to_array, write_rows

COLUMNS = ["id", "split", "views", "cameras"]  # of a case without its passes


@dataclass(frozen=True, slots=True)
class ViewsCase:
    """The rendered views of a case.

    Attributes:
        views: V PNG files in the order of the rig, None for a view that the case does not show.
        cameras: (V, C) float64, one row per view as `scans.cameras` packs it, also where the view is absent.
        passes: further PNG files like `views`, by the name of their column, such as `depth`.
    """

    id: str
    split: str
    views: Sequence[bytes | None]
    cameras: np.ndarray
    passes: Mapping[str, Sequence[bytes | None]] = field(default_factory=dict)


def write_views(
    path: Path,
    cases: Iterable[ViewsCase],
    camera_shape: tuple[int, int],
    metadata: Mapping[str, Any],
    passes: Sequence[str] = (),
) -> None:
    """Write a view shard, with the features that make Hugging Face datasets decode the pictures of views and passes."""
    value = {"_type": "Value"}
    camera_length = camera_shape[0] * camera_shape[1]
    features = {
        "id": {"dtype": "string", **value},
        "split": {"dtype": "string", **value},
        "views": {"feature": {"_type": "Image"}, "_type": "List"},
        "cameras": {"feature": {"dtype": "float64", **value}, "length": camera_length, "_type": "List"},
        **{name: {"feature": {"_type": "Image"}, "_type": "List"} for name in passes},
    }
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("split", pa.string()),
            ("views", pa.list_(image)),
            ("cameras", pa.list_(pa.float64(), camera_length)),
            *((name, pa.list_(image)) for name in passes),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )

    def pictures(kind: str, pngs: Sequence[bytes | None]) -> pa.Array:
        files = [
            {"bytes": png, "path": f"{kind}_{number:02d}.png"} if png is not None else None
            for number, png in enumerate(pngs)
        ]
        return pa.array([files], pa.list_(image))

    def row(case: ViewsCase) -> list[pa.Array]:
        return [
            pa.array([case.id]),
            pa.array([case.split]),
            pictures("view", case.views),
            fixed_list(case.cameras, np.float64),
            *(pictures(name, case.passes[name]) for name in passes),
        ]

    write_rows(path, schema, map(row, cases), metadata)


def read_views(path: Path) -> Iterator[ViewsCase]:
    """The cases of a view shard without its passes, one row group in memory at a time."""
    return map(views_case, read_rows(path, COLUMNS))


def view_counts(path: Path) -> list[int]:
    """How many views each case of a view shard shows; the PNGs are not read."""
    names = read_columns(path, ["views.list.element.path"])["views"].to_pylist()
    return [sum(name is not None for name in case) for case in names]


def views_case(row: Mapping[str, pa.Scalar]) -> ViewsCase:
    """The case in a row of a view shard, of which `COLUMNS` were read."""
    views = [view["bytes"] if view else None for view in row["views"].as_py()]
    return ViewsCase(row["id"].as_py(), row["split"].as_py(), views, to_array(row["cameras"]).reshape(len(views), -1))
