from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scans.errors import UserError
from scans.shards.random_rows import RandomRows
from scans.shards.table import fixed_list, plain_floats, to_array, write_rows

VALUES = np.arange(30, dtype=np.float32).reshape(5, 6) / 7


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema = pa.schema([("id", pa.string()), plain_floats("plain", 6), ("packed", pa.list_(pa.float32(), 6))])
    rows = (
        [pa.array([f"c{n}"]), fixed_list(row, np.float32), fixed_list(-row, np.float32)] for n, row in enumerate(VALUES)
    )
    write_rows(tmp_path / "a.parquet", schema, rows, {}, split_bytes_of=("packed",))
    return tmp_path / "a.parquet"


def test_any_row_in_any_order(path: Path) -> None:
    rows = RandomRows(path)
    assert len(rows) == 5
    for number in (3, 0, 4, 3):
        assert rows.row(number, ["id"])["id"].as_py() == f"c{number}"
        np.testing.assert_array_equal(to_array(rows.row(number, ["plain"])["plain"]), VALUES[number])
        np.testing.assert_array_equal(to_array(rows.row(number, ["packed"])["packed"]), -VALUES[number])
        np.testing.assert_array_equal(rows.floats(number, "plain"), VALUES[number])
        np.testing.assert_array_equal(rows.floats(number, "packed"), -VALUES[number])


def test_plain_floats_are_one_read_and_one_s_own_to_change(path: Path) -> None:
    rows = RandomRows(path)

    def reads() -> int:
        counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        return int(counts["syscr"])

    first = reads()
    between = reads() - first  # those of the file of counts itself
    before = reads()
    floats = rows.floats(2, "plain")
    assert reads() - before - between == 1
    floats[:] = 9
    np.testing.assert_array_equal(rows.floats(2, "plain"), VALUES[2])


@pytest.mark.parametrize(
    "options",
    [
        {"row_group_size": 2},
        {"row_group_size": 1, "compression": "none"},
        {
            "row_group_size": 1,
            "compression": "none",
            "use_dictionary": False,
            "column_encoding": {"plain.list.element": "BYTE_STREAM_SPLIT"},
        },
        {"row_group_size": 1, "compression": "none", "use_dictionary": False, "data_page_version": "2.0"},
        {
            "row_group_size": 1,
            "compression": "none",
            "use_dictionary": False,
            "data_page_size": 1,
            "write_batch_size": 1,
        },
    ],
)
def test_a_shard_that_others_wrote_anew_is_read_right(path: Path, options: dict) -> None:
    pq.write_table(pq.read_table(path), path, **options)
    rows = RandomRows(path)
    for number in (4, 1):
        assert rows.row(number, ["id"])["id"].as_py() == f"c{number}"
        np.testing.assert_array_equal(to_array(rows.row(number, ["plain"])["plain"]), VALUES[number])
        np.testing.assert_array_equal(rows.floats(number, "plain"), VALUES[number])


def test_a_missing_value_is_never_taken_for_a_number(tmp_path: Path) -> None:
    values = pa.FixedSizeListArray.from_arrays(pa.array([1.0, None, 3.0], pa.float32()), 3)
    pq.write_table(pa.table({"plain": values}), tmp_path / "a.parquet", compression="none", use_dictionary=False)
    rows = RandomRows(tmp_path / "a.parquet")
    np.testing.assert_array_equal(to_array(rows.row(0)["plain"]), [1, np.nan, 3])
    np.testing.assert_array_equal(rows.floats(0, "plain"), [1, np.nan, 3])


def test_damage_is_named(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with pytest.raises(UserError, match=r"a\.parquet: a damaged or foreign shard .*points"):
        RandomRows(path).row(0, ["points"])
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[4:footer] = bytes(footer - 4)
    path.write_bytes(content)
    for column in ("plain", "packed"):
        with pytest.raises(UserError, match=r"a\.parquet: a damaged or foreign shard"):
            RandomRows(path).row(0, [column])
        with pytest.raises(UserError, match=r"a\.parquet: a damaged or foreign shard"):
            RandomRows(path).floats(0, column)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"a\.parquet: can't be read as Parquet"):
        RandomRows(path)
