"""Where numba keeps compiled functions: a folder for each module, named by a digest of its code and of what it imports.

Numba alone would notice a change of a function's own file, but not of a helper in another file, and old machine code
would run. Where the files lie doesn't count: clones with one NUMBA_CACHE_DIR share what is compiled.
"""

import ast
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
CACHES = PROJECT / ".tenview" / "numba"
PACKAGES = ("model", "renderers", "scans")  # that have compiled functions
KEPT_SECONDS = 7 * 24 * 3600  # for the longest run of earlier code, which may still go on
# Ours for our functions; numba's own for those of other packages.
LOCATORS = ("scans.compiled.ModuleCache", "UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator")


def choose_cache() -> None:
    """Name the folder, unless the user has, and our locator to numba, in this process and its children.

    Must run before numba is imported. Touches no file: numba makes folders when it meets a compiled function.
    """
    if os.access(PROJECT, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHES))
    os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", ",".join(LOCATORS))


class ModuleCache:
    """The place of one function's machine code, as numba asks for it (its `NUMBA_CACHE_LOCATOR_CLASSES`)."""

    def __init__(self, folder: Path, stamp: str, line: int) -> None:
        self._folder, self._stamp, self._line = folder, stamp, line

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "ModuleCache | None":
        """None for functions of other packages, and where the folder can't be written to."""
        path, caches = Path(file).resolve(), os.environ.get("NUMBA_CACHE_DIR")
        if caches is None or not any(path.is_relative_to(PROJECT / package) for package in PACKAGES):
            return None
        stamp, name = module_digest(path), ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        made = cls(Path(caches) / f"{name}-{stamp[:16]}", stamp, function.__code__.co_firstlineno)
        try:
            made.ensure_cache_path()
            os.utime(made.get_cache_path())  # in use, so that no process prunes it
        except OSError:
            return None
        return made

    def ensure_cache_path(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


@cache
def module_digest(path: Path) -> str:
    """Digest of a module of the project and of all that it imports of PACKAGES, however far away."""
    found, ahead = {path}, [path]
    while ahead:
        new = set(_imported(ahead.pop())) - found
        found |= new
        ahead += new
    digest = hashlib.sha256()
    for each in sorted(found):
        content = each.read_bytes()
        digest.update(f"{each.relative_to(PROJECT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """The files of the project's modules that a module names in its imports."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)  # modules, some of them

    ours = {name for name in names() if name.split(".")[0] in PACKAGES}
    files = (PROJECT.joinpath(*name.split(".")).with_suffix(".py") for name in ours)
    packages = (PROJECT.joinpath(*name.split("."), "__init__.py") for name in ours)
    return tuple(each for each in (*files, *packages) if each.is_file())


def prune_caches() -> None:
    """Delete the folders that no process has used for KEPT_SECONDS; for programs, not for imports."""
    for folder in CACHES.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process has deleted it
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def code_digest(packages: Iterable[str]) -> str:
    """Digest of the project's Python files in these packages."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
