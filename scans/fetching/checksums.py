"""Checksums of files from elsewhere: known beforehand, or learned at first sight and enforced after."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from scans.errors import UserError
from scans.files import atomic_file

CHUNK = 1 << 20


class ChecksumLock:
    """A file of lengths and SHA-256 sums by file name, as Git keeps it: `{"a.zip": {"bytes": 3, "sha256": "…"}}`."""

    def __init__(self, path: Path, known_md5: Mapping[str, str]):
        """Read the lock file, where there is one.

        Args:
            known_md5: sums published for some of the files; they hold beside the lock file's.

        Raises:
            UserError: the file is there and no lock file.
        """
        self._path = path
        self._known_md5 = known_md5
        self._entries: dict[str, dict[str, int | str]] = {}
        if path.exists():
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                self._entries = {
                    name: {"bytes": int(e["bytes"]), "sha256": str(e["sha256"])} for name, e in content.items()
                }
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise UserError(
                    f"{path}: no list of checksums of ours ({error!r}). "
                    "Restore it from Git, or delete it to learn anew."
                ) from None

    def size(self, name: str) -> int | None:
        """The length in bytes of the file of this name, where it is known."""
        entry = self._entries.get(name)
        return None if entry is None else int(entry["bytes"])

    def check(self, name: str, path: Path) -> None:
        """Refuse a file that is not the one of this name; learn the sum of one that is new.

        Raises:
            UserError: its checksum or length is another.
        """
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                if name in self._known_md5:
                    md5.update(chunk)
        if name in self._known_md5 and md5.hexdigest() != self._known_md5[name]:
            raise UserError(
                f"{path}: wrong checksum: its md5 is {md5.hexdigest()}, that of {name} is {self._known_md5[name]}. "
                "Get the file again."
            )
        found: dict[str, int | str] = {"bytes": path.stat().st_size, "sha256": sha256.hexdigest()}
        locked = self._entries.setdefault(name, found)
        if locked != found:
            raise UserError(
                f"{path}: wrong checksum: it has {found['bytes']} bytes with SHA-256 {found['sha256']}, "
                f"{self._path} says {locked['bytes']} and {locked['sha256']}. Get the file again; "
                f"or, if its publisher has changed it, delete {name} in {self._path}."
            )

    def save(self) -> None:
        """Write what was learned; call it once the files have proved to be what they should."""
        text = json.dumps(self._entries, indent=1, sort_keys=True) + "\n"
        if not self._path.exists() or self._path.read_text(encoding="utf-8") != text:
            with atomic_file(self._path) as partial:
                partial.write_text(text, encoding="utf-8")
