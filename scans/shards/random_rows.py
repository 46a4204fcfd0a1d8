"""Any row of a shard at any time, as training in shuffled order needs them."""

import os
import weakref
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
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        metadata, schema = self._file.metadata, self._file.schema
        self._leaves = {schema.column(number).path: number for number in range(len(schema))}
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._places = [(group, row) for group, count in enumerate(counts) for row in range(count)]

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int, columns: Sequence[str] | None = None) -> dict[str, pa.Scalar]:
        """Some columns of a row, or all of them."""
        group, row = self._places[number]
        try:
            # One request for all of them: on a network disk each page fault would otherwise be one.
            os.posix_fadvise(self._descriptor, *self._span(group, columns), os.POSIX_FADV_WILLNEED)
            table = self._file.read_row_group(group, None if columns is None else list(columns), use_threads=False)
            return {name: table[name][row] for name in columns or table.column_names}
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged(str(error)) from None

    def floats(self, number: int, column: str) -> np.ndarray:
        """A fixed-size list of float32 as a flat array of its own; of a plain column in one read, without Arrow.

        Arrow makes the list anew, entry by entry, which for 50,000 points takes as long as all views of a case.
        """
        group, _ = self._places[number]
        chunk = self._plain_chunk(group, f"{column}.list.element")
        if chunk is not None:
            values = np.empty(chunk.num_values, np.float32)
            header = bytearray(chunk.total_compressed_size - values.nbytes)  # a page's values stand at its end
            try:
                read = os.preadv(self._descriptor, [header, values.data], chunk.data_page_offset)
            except OSError as error:
                raise self._damaged(str(error)) from None
            if read == chunk.total_compressed_size and header.startswith(_DATA_PAGE):
                return values
        return to_array(self.row(number, [column])[column]).copy()  # Arrow's own memory can't be written to

    def _span(self, group: int, columns: Sequence[str] | None) -> tuple[int, int]:
        """First byte and number of bytes of some columns of a row group, and of what lies between them."""
        metadata = self._file.metadata.row_group(group)
        chunks = [
            metadata.column(leaf)
            for name, leaf in self._leaves.items()
            if columns is None or name.split(".")[0] in columns
        ]
        starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
        ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
        first = min(starts, default=0)
        return first, max(ends, default=0) - first

    def _plain_chunk(self, group: int, leaf: str) -> pq.ColumnChunkMetaData | None:
        """Where a row's values lie one after the other; None unless the file itself says that they do."""
        metadata, position = self._file.metadata.row_group(group), self._leaves.get(leaf)
        if position is None or metadata.num_rows != 1 or self._file.schema.column(position).max_definition_level != 1:
            return None  # with a level more, values could be missing
        chunk = metadata.column(position)
        plain = (
            chunk.physical_type == "FLOAT"
            and chunk.compression == "UNCOMPRESSED"
            and set(chunk.encodings) == {"PLAIN", "RLE"}
            and 0 < chunk.total_compressed_size - 4 * chunk.num_values < _PAGE_OVERHEAD
        )
        return chunk if plain else None

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self._path}: a damaged or foreign shard ({reason}). Run `dvc repro` to redo it.")
