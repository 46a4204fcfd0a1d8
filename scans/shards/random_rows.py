"""Any row of a shard at any time, as training in shuffled order needs them."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scans.errors import UserError
from scans.shards.table import open_shard, to_array

_DATA_PAGE = b"\x15\x00"  # how the header of a Parquet data page (version 1) begins
_PAGE_OVERHEAD = 64  # bytes; the header of one page and its lists' lengths take about 45, those of two at least 74


class RandomRows:
    """The rows of one shard by number, memory-mapped. For use in the process that made it.

    Raises:
        UserError: the file is missing, damaged, or not one of ours; at once or at a row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_shard(path, memory_map=True)
        metadata, schema = self._file.metadata, self._file.schema
        self._leaves = {schema.column(number).path: number for number in range(len(schema))}
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._places = [(group, row) for group, count in enumerate(counts) for row in range(count)]
        with open(path, "rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int, columns: Sequence[str]) -> dict[str, pa.Scalar]:
        """Some columns of a row."""
        group, row = self._places[number]
        try:
            table = self._file.read_row_group(group, list(columns), use_threads=False)
            return {name: table[name][row] for name in columns}
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged(str(error)) from None

    def floats(self, number: int, column: str) -> np.ndarray:
        """A fixed-size list of float32 as a flat array of its own; of a plain column by one copy, without Arrow."""
        group, _ = self._places[number]
        chunk = self._plain_chunk(group, f"{column}.list.element")
        if chunk is None:
            return to_array(self.row(number, [column])[column]).copy()  # Arrow's own memory can't be written to
        # A page's values stand at its end.
        start = chunk.data_page_offset + chunk.total_compressed_size - 4 * chunk.num_values
        return np.frombuffer(self._bytes, np.float32, chunk.num_values, start).copy()

    def _plain_chunk(self, group: int, leaf: str) -> pq.ColumnChunkMetaData | None:
        """Where a row's values lie one after the other; None unless the file itself proves that they do."""
        metadata, schema = self._file.metadata.row_group(group), self._file.schema
        position = self._leaves.get(leaf)
        if position is None or metadata.num_rows != 1 or schema.column(position).max_definition_level != 1:
            return None  # with a level more, values could be missing
        chunk = metadata.column(position)
        page = self._bytes[chunk.data_page_offset : chunk.data_page_offset + len(_DATA_PAGE)]
        plain = (
            page == _DATA_PAGE
            and chunk.physical_type == "FLOAT"
            and chunk.compression == "UNCOMPRESSED"
            and set(chunk.encodings) == {"PLAIN", "RLE"}
            and 0 < chunk.total_compressed_size - 4 * chunk.num_values < _PAGE_OVERHEAD
        )
        return chunk if plain else None

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self._path}: a damaged or foreign shard ({reason}). Run `dvc repro` to redo it.")
