"""Where a stage's files lie, one run of a stage at a time, and outputs that appear whole or not at all."""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scans.errors import UserError
from scans.files import errors_name
from stages.params.tree import PARAMS_FILE
from stages.runtime.progress import say

# All relative to the folder that tenview runs in, so that dvc.lock and the outputs name no machine's paths.
RIGS = Path("rigs")
SCANS = Path("data/scans")
PREPARED = Path("data/prepared")
VIEWS = Path("data/views")
MODEL = Path("artifacts/model")  # what the train stage leaves, with these names in it
NETWORK, MEAN_SHAPE = "network.safetensors", "mean_shape.npy"
PRETRAINED = Path("pretrained")  # a model that comes with Tenview, as `tenview export` wrote it
LEARNING_CURVE = Path("reports/training.csv")
METRICS = Path("reports/metrics.json")
INTERVALS = Path("reports/intervals.json")
CASES = Path("reports/cases.parquet")
TEETH = Path("reports/teeth.parquet")
CURVES = Path("reports/curves.csv")
PREDICTIONS = Path("reports/predictions")
PAGE = Path("reports/index.html")
CALIBRATION = Path("reports/calibration.json")
ERROR_HEAD = Path("reports/error_head.safetensors")
RADIUS_ESTIMATOR = Path("reports/radius_estimator.safetensors")
CONFIDENCE = Path("reports/confidence.csv")
HIDDEN = Path(".tenview")
PROJECT = Path(__file__).resolve().parents[2]  # a clone, or site-packages where Tenview was installed from a wheel


def pretrained_folder() -> Path:
    """`PRETRAINED`, or else the folder of that name that lies beside Tenview's code."""
    included = PROJECT / PRETRAINED
    return PRETRAINED if (PRETRAINED / NETWORK).is_file() or not (included / NETWORK).is_file() else included


def is_export(folder: Path) -> bool:
    """Whether a model's folder has params of its own, as those have that `tenview export` made."""
    return (folder / PARAMS_FILE).is_file()


def model_folder(tell: Callable[[str], object] = say) -> Path:
    """`MODEL`, or the pretrained one's folder where the project has no model of its own, which `tell` is told."""
    folder = pretrained_folder()
    if (MODEL / NETWORK).is_file() or not (folder / NETWORK).is_file():
        return MODEL
    tell(f"tenview: no model in {MODEL}, so the pretrained one is used, {folder}")
    return folder


@contextmanager
def stage_lock(stage: str, tell: Callable[[str], object] = say) -> Iterator[None]:
    """Hold the stage's lock: wait until no other process runs this stage here, and `tell` if there is one.

    A killed `dvc repro` leaves its stage running. The next one must not write beside that orphan, so it waits;
    the kernel frees the lock of a process that dies.
    """
    HIDDEN.mkdir(exist_ok=True)
    with open(HIDDEN / f"{stage}.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            tell(f"{stage}: waiting for process {lock.read().strip() or '?'}, which runs this stage here")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `path` when the block ends well.

    Its name is new each time: a worker on another machine may outlive its stage and write on, but never in here. Of two
    processes that write the same folder, the one that ends last counts. Where `path` is a link to a folder, that folder
    is replaced and the link stays.

    Raises:
        UserError: a file stands in the way, or a link to nothing, such as a disk that isn't there.
    """
    for part in (path, *path.parents):
        if part.is_symlink() and not part.exists():
            raise UserError(f"{part}: a link to {part.readlink()}, which isn't there. Mount or make it first.")
        if part.exists() and not part.is_dir():
            raise UserError(f"{part}: a file is in the way of a folder of results. Move it away.")
    path = path.resolve() if path.is_symlink() else path
    if path.is_mount():
        raise UserError(f"{path}: a disk as a whole can't be replaced. Link to a folder in it.")
    _remove_what_killed_runs_left(path)
    token = secrets.token_hex(4)
    partial, old = path.with_name(f".{path.name}.{token}.partial"), path.with_name(f".{path.name}.{token}.old")
    partial.mkdir(parents=True)
    lock = os.open(partial, os.O_RDONLY)
    try:
        with suppress(OSError):  # a disk without locks
            fcntl.flock(lock, fcntl.LOCK_SH)  # which the kernel frees when this process dies
        try:
            with errors_name(path):
                yield partial
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        while True:
            with suppress(FileNotFoundError):
                path.rename(old)
            try:
                partial.rename(path)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was faster
                    raise
                shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        os.close(lock)


def _remove_what_killed_runs_left(path: Path) -> None:
    """Remove folders of `atomic_folder` for this path that no living process writes."""
    own = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.(partial|old)")
    for rest in path.parent.iterdir() if path.parent.is_dir() else ():
        if not own.fullmatch(rest.name):
            continue
        with suppress(FileNotFoundError):
            lock = os.open(rest, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:  # a disk without locks
                pass
            finally:
                os.close(lock)
            shutil.rmtree(rest, ignore_errors=True)
