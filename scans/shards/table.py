"""Writing and reading Parquet files of cases: encodings, metadata, errors.

Arrays are flat fixed-size lists, the one layout that pandas, DuckDB and Hugging Face datasets all read at once. The
bytes depend on the rows and the metadata alone.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scans.errors import UserError


def write_rows(
    path: Path,
    schema: pa.Schema,
    rows: Iterable[list[pa.Array]],
    metadata: Mapping[str, Any],
    split_bytes_of: Sequence[str] = (),
) -> None:
    """Write rows, each a list of arrays of length 1 in the schema's order and a row group of its own.

    A row of ours is so long (MB) that a group of several would save nothing, and would be read whole for one of them.

    Args:
        metadata: plain JSON for the file's metadata, under `tenview`; read after the last row.
        split_bytes_of: lists of floats, which compress better with their bytes apart (BYTE_STREAM_SPLIT).
    """
    # Pictures, which are compressed already, have deeper leaves and stay as they are.
    compressed = [_leaf(field) for field in schema if field.nullable]
    with pq.ParquetWriter(
        path,
        schema,
        compression=dict.fromkeys(compressed, "zstd"),
        compression_level=dict.fromkeys(compressed, 3),
        data_page_size=2**30,
        use_dictionary=["id", "split"],
        column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in split_bytes_of},
        write_statistics=["id", "split"],
    ) as writer:
        for row in rows:
            writer.write_batch(pa.RecordBatch.from_arrays(row, schema=schema))
        writer.add_key_value_metadata({"tenview": json.dumps(metadata, sort_keys=True)})


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a shard, or dotted parts of nested ones, as an Arrow table.

    Raises:
        UserError: the file is missing, damaged, or not one of ours.
    """
    file = open_shard(path)
    if missing := {name.split(".")[0] for name in columns} - set(file.schema_arrow.names):
        raise UserError(f"{path}: a foreign shard, without {', '.join(sorted(missing))}. Run `dvc repro` to redo it.")
    try:
        return file.read(list(columns))
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: a damaged shard ({error}). Run `dvc repro` to redo it.") from None


def read_metadata(path: Path) -> dict[str, Any]:
    """What the writer said of the shard: shapes, units, frame, params."""
    return json.loads((open_shard(path).metadata.metadata or {}).get(b"tenview", b"{}"))


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, pa.Scalar]]:
    """The rows of a shard (or some columns of them), one row group in memory at a time.

    Raises:
        UserError: the file is missing, damaged, or not one of ours.
    """
    file = open_shard(path)
    try:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns)
            for number in range(table.num_rows):
                yield {name: table[name][number] for name in table.column_names}
    except (OSError, pa.ArrowException, KeyError) as error:
        raise UserError(f"{path}: a damaged or foreign shard ({error}). Run `dvc repro` to redo it.") from None


def fixed_list(array: np.ndarray, dtype: type[np.generic]) -> pa.Array:
    """An array of any shape as the one entry of a flat fixed-size list column."""
    flat = pa.array(np.ascontiguousarray(array, dtype=dtype).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, len(flat))


def list_or_null(array: np.ndarray | None, dtype: type[np.generic]) -> pa.Array:
    """An array of any shape as the one entry of a flat list column; null for None."""
    if array is None:
        return pa.array([None], pa.list_(pa.from_numpy_dtype(dtype)))
    flat = pa.array(np.ascontiguousarray(array, dtype=dtype).reshape(-1))
    return pa.ListArray.from_arrays(pa.array([0, len(flat)], pa.int32()), flat)


def to_array(scalar: pa.Scalar) -> np.ndarray:
    """The flat array of a list entry."""
    return scalar.values.to_numpy(zero_copy_only=False)


def plain_floats(name: str, length: int) -> pa.Field:
    """A column of flat float32 lists without nulls, which `write_rows` leaves uncompressed: noise does not compress."""
    return pa.field(name, pa.list_(pa.field("element", pa.float32(), nullable=False), length), nullable=False)


def _leaf(field: pa.Field) -> str:
    """A column's name in Parquet."""
    nested = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
    return f"{field.name}.list.element" if nested else field.name


def open_shard(path: Path, *, memory_map: bool = False) -> pq.ParquetFile:
    """A shard to read from; of a row group all columns that are wanted are read at once, as far as they lie together.

    Args:
        memory_map: map the file, for random access; nothing is read ahead then.

    Raises:
        UserError: the file is missing, cut off, or not Parquet.
    """
    try:
        return pq.ParquetFile(path, memory_map=memory_map, pre_buffer=not memory_map)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: can't be read as Parquet ({error}). Run `dvc repro` to redo it.") from None
