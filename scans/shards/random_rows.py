"""Any row of a shard at any time, as training in shuffled order needs them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from scans.errors import UserError
from scans.shards.table import open_shard


class RandomRows:
    """The rows of one shard by number, memory-mapped. For use in the process that made it.

    Raises:
        UserError: the file is missing, damaged, or not one of ours; at once or at a row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_shard(path, memory_map=True)
        metadata = self._file.metadata
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._places = [(group, row) for group, count in enumerate(counts) for row in range(count)]

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int, columns: Sequence[str] | None = None) -> dict[str, pa.Scalar]:
        """Some columns of a row, or all of them."""
        group, row = self._places[number]
        try:
            table = self._file.read_row_group(group, None if columns is None else list(columns), use_threads=False)
            return {name: table[name][row] for name in columns or table.column_names}
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self._path}: a damaged or foreign shard ({reason}). Run `dvc repro` to redo it.")
