"""The jaws that a network has been trained on, so that it is not measured on them by mistake."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from scans.cases.naming import SYNTHETIC
from scans.errors import UserError
from scans.shards.naming import shard_paths
from scans.shards.table import read_columns

SEEN = "cases.json"
"""The file beside a network's weights."""
_DIGITS = 16  # of a SHA-256, enough to tell scans apart

Jaw = tuple[str, str]
"""Case id, and the first digits of the SHA-256 of the scan's files."""


def jaws_of(prepared: Path, splits: Iterable[str]) -> list[Jaw]:
    """The jaws of some splits, in the shards' order."""
    found: list[Jaw] = []
    for split in splits:
        for path in shard_paths(prepared, split):
            table = read_columns(path, ["id", "source"])
            digests = [digest[:_DIGITS] for digest in table["source"].to_pylist()]
            found += zip(table["id"].to_pylist(), digests, strict=True)
    return found


def write_seen(path: Path, jaws: Iterable[Jaw]) -> None:
    """Write the jaws that a network has been trained on or chosen by, sorted, each once."""
    lines = ",\n".join(json.dumps(jaw) for jaw in sorted(set(jaws)))
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read_seen(folder: Path) -> list[Jaw]:
    """The jaws that the network in a folder has been trained on.

    Raises:
        UserError: the list is missing or damaged.
    """
    path = folder / SEEN
    try:
        return [(str(name), str(digest)) for name, digest in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: no list of the jaws that the model has been trained on ({error}). Run `dvc repro train`, or take "
            "the whole folder that `tenview export` wrote"
        ) from None


def seen_among(jaws: Sequence[Jaw], seen: Iterable[Jaw]) -> list[str]:
    """The ids of the jaws that have been seen: the same files, or the same generated jaw at whatever resolution."""
    seen = list(seen)
    digests, names = {digest for _, digest in seen}, {name for name, _ in seen if name.startswith(SYNTHETIC)}
    return [name for name, digest in jaws if digest in digests or name in names]
