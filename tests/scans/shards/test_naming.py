from pathlib import Path

import pytest

from scans.errors import UserError
from scans.shards.naming import group_cases, shard_name, shard_paths


def test_missing_shards_are_noticed(tmp_path: Path) -> None:
    for number in (0, 1, 2):
        (tmp_path / shard_name("test", number, 3)).touch()
    assert len(shard_paths(tmp_path, "test")) == 3
    assert shard_paths(tmp_path, "validation") == []
    (tmp_path / shard_name("test", 1, 3)).unlink()
    with pytest.raises(UserError, match="missing"):
        shard_paths(tmp_path, "test")
    with pytest.raises(UserError, match="not found"):
        shard_paths(tmp_path / "nowhere", "test")


def test_ids_are_grouped_in_order_and_within_bounds() -> None:
    ids = [f"{n:04d}" for n in range(1000)]
    groups = group_cases(ids[::-1], 16)
    assert [case_id for group in groups for case_id in group] == ids
    assert max(map(len, groups)) <= 32
    assert 10 <= 1000 / len(groups) <= 20


def test_a_new_scan_changes_one_shard_only() -> None:
    ids = [f"{n:04d}" for n in range(0, 2000, 2)]
    before = {tuple(group) for group in group_cases(ids, 16)}
    for new in ("0001", "0777", "1999"):
        after = {tuple(group) for group in group_cases([*ids, new], 16)}
        assert len(after - before) <= 2  # two where the new scan ends a shard
