"""Where numba keeps compiled code: a folder that is named by all of our code.

Numba looks only at the file of the function itself when it asks whether a cached version is still right. A change in
a helper of another file would go unnoticed and old machine code would run, so a change anywhere starts a new folder.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CACHES = PROJECT / ".tenview" / "numba"
KEPT_SECONDS = 7 * 24 * 3600  # for the longest run of earlier code, which may still go on


def choose_cache() -> None:
    """Set NUMBA_CACHE_DIR for this process and its children; must run before numba is imported."""
    if "NUMBA_CACHE_DIR" in os.environ or not os.access(PROJECT, os.W_OK):
        return
    cache = CACHES / code_digest(("model", "renderers", "scans"))[:16]
    cache.mkdir(parents=True, exist_ok=True)
    os.utime(cache)
    for other in CACHES.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process has deleted it
            if time.time() - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(cache)


def code_digest(packages: Iterable[str]) -> str:
    """Digest of the project's Python files in these packages."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
