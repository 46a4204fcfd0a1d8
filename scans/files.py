"""Files that appear whole or not at all, and whether there is space for them."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scans.errors import UserError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A name to write to, in the same folder, which becomes `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")  # others may write the same, anywhere
    try:
        with errors_name(path):
            yield partial
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_change(path: Path) -> Iterator[Path]:
    """As `atomic_file`, for a file of the user's that is there: a link stays a link, and the mode is kept."""
    target = path.resolve()
    with atomic_file(target) as partial:
        yield partial
        shutil.copymode(target, partial)


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Have errors of writing to `path` name it: the system's own, such as that of a full disk, name no file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def require_space(folder: Path, size: int, what: str) -> None:
    """Refuse what can't fit.

    Raises:
        UserError: the disk that holds `folder` has less than `size` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{folder}: {what} takes {size / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free there. "
            "Free some, or work on another disk."
        )
