"""Names of shard files, and which cases share one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from scans.errors import UserError

SPLITS = ("train", "validation", "test")


def shard_name(split: str, number: int, count: int) -> str:
    """File name of a shard in the usual Hugging Face form."""
    return f"{split}-{number:05d}-of-{count:05d}.parquet"


def shard_paths(folder: Path, split: str) -> list[Path]:
    """The shards of a split, in order; empty where the split has no case.

    Raises:
        UserError: the folder is missing or some shards of the split are.
    """
    paths = sorted(folder.glob(f"{split}-*-of-*.parquet"))
    if not folder.is_dir():
        raise UserError(f"{folder}: not found. Run `dvc repro`, or the tenview stage that makes it, first.")
    if [path.name for path in paths] != [shard_name(split, number, len(paths)) for number in range(len(paths))]:
        raise UserError(f"{folder}: shards of split {split} are missing or left over. Run `dvc repro` to redo them.")
    return paths


def group_cases(ids: Sequence[str], mean_size: int) -> list[list[str]]:
    """Cut the sorted ids into shards of about `mean_size` cases.

    An id's own hash says whether a shard ends after it (content-defined chunking), so a new scan changes the shard
    that it falls into and hardly ever another. A shard never holds more than twice the mean.
    """
    groups: list[list[str]] = []
    group: list[str] = []
    for case_id in sorted(ids):
        group.append(case_id)
        ends = int.from_bytes(hashlib.sha256(case_id.encode()).digest()[:8]) % mean_size == 0
        if ends or len(group) == 2 * mean_size:
            groups.append(group)
            group = []
    return [*groups, group] if group else groups
