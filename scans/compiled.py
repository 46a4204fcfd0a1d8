"""The folder of numba's on-disk cache, named by a digest of all our code.

Numba invalidates a cached function only when that function's own file changes. A change in a helper of another file
would go unnoticed and old machine code would run, so a change anywhere starts a new folder.
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
    """Set NUMBA_CACHE_DIR for this process and its children, unless the user has; must run before numba is imported.

    Touches no file: numba makes the folder when it compiles.
    """
    if "NUMBA_CACHE_DIR" not in os.environ and os.access(PROJECT, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(CACHES / code_digest(("model", "renderers", "scans"))[:16])


def prune_caches() -> None:
    """Delete the folders of earlier code that no process has used for KEPT_SECONDS; for programs, not for imports."""
    own = Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    for cache in CACHES.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process has deleted it
            if cache == own:
                os.utime(cache)
            elif time.time() - cache.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(cache, ignore_errors=True)


def code_digest(packages: Iterable[str]) -> str:
    """Digest of the project's Python files in these packages."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
