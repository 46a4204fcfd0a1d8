"""What a user's folder holds of the data set: archives, and files that were unpacked from them."""

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from scans.cases.folder import reason_left_out
from scans.cases.naming import readable
from scans.cases.walk import Walk
from scans.errors import UserError
from scans.teeth3ds.published import LANDMARKS, SAMPLE, SCANS, SPLITS, recognise

K = TypeVar("K")

Key = tuple[str, str, str]
"""Kind ("mesh", "labels", "landmarks"), patient and jaw, as `recognise` tells them."""


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Files of the data set in a folder and its subfolders.

    Attributes:
        archives: the data set's zip archives by their names, in lower case. splits: split files by theirs.
        other_archives: zip archives under other names.
        unpacked: files of scans by kind, patient and jaw.
        left_out: why each other file is not taken, by its path below the folder.
    """

    archives: dict[str, Path] = field(default_factory=dict)
    other_archives: list[Path] = field(default_factory=list)
    splits: dict[str, Path] = field(default_factory=dict)
    unpacked: dict[Key, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def own_files(folder: Path) -> OwnFiles:
    """Sort a folder's files by what they are in the data set; content is read only where two have one name.

    Raises:
        UserError: a file of the data set is there twice with different content.
    """
    walk, found = Walk(folder), OwnFiles()
    archive_names = {file.name.lower() for file in (*SCANS, *SAMPLE, *LANDMARKS)}
    split_names = {file.name for file in SPLITS}
    for path in sorted(walk.files):
        name = path.name.lower()
        if name in archive_names:
            _enter(found.archives, name, path)
        elif path.suffix.lower() == ".zip":
            found.other_archives.append(path)
        elif name in split_names:
            _enter(found.splits, name, path)
        elif key := recognise(path.name):
            _enter(found.unpacked, key, path)
        else:
            walk.left_out[path] = reason_left_out(path)
    named = {readable(path.relative_to(folder)): reason for path, reason in walk.left_out.items()}
    found.left_out.update(sorted(named.items()))
    return found


def _enter(files: dict[K, Path], key: K, path: Path) -> None:
    known = files.setdefault(key, path)
    if known is not path and checksum(known) != checksum(path):
        raise UserError(f"{readable(path)}: it is there twice with different content, see {readable(known)}.")


def checksum(path: Path) -> tuple[int, int]:
    """Bytes and CRC-32 of a file, as the directories of zip archives state them."""
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return path.stat().st_size, crc
