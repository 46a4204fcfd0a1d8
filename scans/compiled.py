"""Where numba keeps compiled code: a folder that is named by all of our code.

Numba looks only at the file of the function itself when it asks whether a cached version is still right. A change in
a helper of another file would go unnoticed and old machine code would run, so a change anywhere starts a new folder.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CACHES = PROJECT / ".tenview" / "numba"


def choose_cache() -> None:
    """Set NUMBA_CACHE_DIR for this process and its children; must run before numba is imported."""
    if "NUMBA_CACHE_DIR" in os.environ or not os.access(PROJECT, os.W_OK):
        return
    cache = CACHES / code_digest(("model", "renderers", "scans"))[:16]
    if not cache.exists():
        shutil.rmtree(CACHES, ignore_errors=True)  # earlier code's
        cache.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(cache)


def code_digest(packages: Iterable[str]) -> str:
    """Digest of the project's Python files in these packages."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((PROJECT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
