"""Content-addressed store of finished shards, from which a killed or repeated stage resumes.

DVC deletes a stage's outputs before it runs. The store lies in .tenview/store and is safe to delete at any time.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from scans.files import atomic_file
from stages.runtime.workspace import HIDDEN, PROJECT

STORE = HIDDEN / "store"
PACKAGES = ("model", "renderers", "scans", "stages")
ABANDONED = 3600 * 10**9  # ns after which nobody is still writing an unfinished entry


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(stage: str, **parts: Any) -> str:
    """The key of a stage's result: a digest of `parts` (plain JSON values) and of the stage's code."""
    text = json.dumps({"stage": stage, "code": code_digest(stage), **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest(stage: str) -> str:
    """Digest of the stage's code: the Python files among its deps in dvc.yaml.

    A wheel holds no dvc.yaml. Installed from one, the code of all stages counts, which changes by an upgrade alone.
    """
    pipeline = PROJECT / "dvc.yaml"
    deps = YAML(typ="safe", pure=True).load(pipeline)["stages"][stage]["deps"] if pipeline.is_file() else PACKAGES
    files: set[Path] = set()
    for dep in deps:
        path = PROJECT / dep
        files.update(path.rglob("*.py") if path.is_dir() else [path] if path.suffix == ".py" else [])
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(PROJECT)} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def make(name: str, target: Path, write: Callable[[Path], None]) -> None:
    """Put the entry `name` at `target`: link it from the store, or else call `write(path)` and keep the result."""
    if not get(name, target):
        with atomic_file(target) as partial:
            write(partial)
        put(name, target)


def put(name: str, made: Path) -> None:
    """Keep the finished file `made` under `name`; both names share one inode where the file system can."""
    with atomic_file(_entry(name)) as partial:
        _link(made, partial)
    with atomic_file(_checksum(name)) as partial:
        partial.write_text(file_digest(made))


def get(name: str, target: Path) -> bool:
    """Link the entry `name` to `target`; False if there is none, or it is corrupt (then it is deleted)."""
    entry, checksum = _entry(name), _checksum(name)
    try:
        expected = checksum.read_text()
        os.utime(checksum)  # the age that prune goes by
        # Linked before it is looked at, so that no other stage can prune it in between.
        _link(entry, target)
    except FileNotFoundError:
        return False
    if file_digest(target) == expected:
        return True
    for path in (target, entry, checksum):
        path.unlink(missing_ok=True)
    return False


def prune(gigabytes: float) -> None:
    """Delete the least recently used entries until the store fits into `gigabytes`."""
    now = time.time_ns()
    for path in STORE.glob("*/*"):  # what a killed run left: entries without a checksum, and half-written ones
        finished = path.suffix == ".sha256" or path.with_name(f"{path.name}.sha256").exists()
        if not finished and now - _look(path)[0] > ABANDONED:
            path.unlink(missing_ok=True)
    left = gigabytes * 1e9
    for checksum in sorted(STORE.glob("*/*.sha256"), key=lambda path: -_look(path)[0]):
        entry = checksum.with_suffix("")
        left -= _look(entry)[1]
        if left < 0:
            checksum.unlink(missing_ok=True)
            entry.unlink(missing_ok=True)


def _look(path: Path) -> tuple[int, int]:
    """When a file was last used, in ns, and its size in bytes; now and 0 where another stage has just deleted it."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return time.time_ns(), 0
    return state.st_mtime_ns, state.st_size


def _entry(name: str) -> Path:
    return STORE / name[:2] / name


def _checksum(name: str) -> Path:
    return STORE / name[:2] / f"{name}.sha256"


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
