"""`tenview doctor`: checks of this machine, with what to do about each that fails."""

import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from scans.errors import UserError
from stages.params import tree as params
from stages.runtime.server_log import LOG, server_errors
from stages.runtime.system import DVC

PACKAGES = ("torch", "timm", "numpy", "numba", "pyarrow", "pyrender", "trimesh", "dvc", "prefect")
GIGABYTES_WANTED = 10


def examine() -> bool:
    """Print a table of checks. Returns whether everything that `dvc repro` needs works."""
    table = Table("check", "state", "what to do", box=None, pad_edge=False)
    fine = True
    for name, needed, check in CHECKS:
        try:
            works, state, remedy = check()
        except Exception as error:  # whatever a broken installation raises
            works, state, remedy = False, f"{type(error).__name__}: {error}", "make install"
        fine &= works or not needed
        mark = "[green]ok[/]" if works else "[red]missing[/]" if needed else "[yellow]not here[/]"
        table.add_row(name, f"{mark}  {state}", "" if works else remedy)
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
    console.print("\nReady for dvc repro." if fine else "\nNot ready: mend what is missing first.", highlight=False)
    return fine


Check = tuple[bool, str, str]


def _versions() -> Check:
    try:
        found = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    except importlib.metadata.PackageNotFoundError as error:
        return False, f"{error.name} is not installed", "make install"
    if wrong := [*_unmet(importlib.metadata.requires("tenview") or [])]:
        return False, ", ".join(wrong), "make install; with other versions things fail in silence"
    return True, f"Python {platform.python_version()}, " + ", ".join(found), ""


def _unmet(requirements: Iterable[str]) -> Iterator[str]:
    """Of the packages that are needed everywhere, those that are here in a version that was ruled out."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            version = importlib.metadata.version(requirement.name)
            if not requirement.specifier.contains(version, prereleases=True):
                yield f"{requirement.name} {version}, needed {requirement.specifier}"


def _machine() -> Check:
    import psutil

    from model.runtime.cgroup import cpu_quota, memory_limit

    memory, limit = psutil.virtual_memory(), memory_limit() or math.inf  # a container's
    total, free = min(memory.total, limit), min(memory.available, limit)
    cores = min(len(os.sched_getaffinity(0)), cpu_quota() or math.inf)
    state = f"{cores:g} cores, {total / 1e9:.0f} GB memory, {free / 1e9:.0f} free"
    return free > 4e9, state, "close other programs, or give the container more; training takes up to 4 GB"


def _params() -> Check:
    try:
        params.load()
    except UserError as error:
        return False, str(error), "mend params.yaml; `tenview params` shows what is allowed"
    return True, "params.yaml is valid", ""


def _numba() -> Check:
    from numba import njit

    # An unwritable cache folder only costs time, so only compiling is checked.
    assert njit(lambda x: x + 1)(1) == 2
    return True, "compiles", ""


def _pyrender() -> Check:
    # In a process of its own: a GL library may crash, and its context would stay open.
    code = "from renderers.opengl import available; ok, why = available(); print(why); raise SystemExit(not ok)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = (ended.stdout or ended.stderr).strip().splitlines()
    return ended.returncode == 0, lines[-1] if lines else "EGL", "only for render.backend=pyrender"


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        return True, torch.cuda.get_device_name(), ""
    return False, "no CUDA device", "not needed; training runs on the CPU"


def _disk() -> Check:
    free = shutil.disk_usage(".").free / 1e9
    return free > GIGABYTES_WANTED, f"{free:.0f} GB free", f"free {GIGABYTES_WANTED} GB for data, cache and store"


def _dvc() -> Check:
    ended = subprocess.run([DVC, "status"], capture_output=True, text=True, check=False)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"dvc status exits with {ended.returncode}"]
        return False, lines[-1], "wait for a running dvc to end; run in a folder that git cloned"
    stages = [line[:-1] for line in ended.stdout.splitlines() if line and not line[0].isspace() and line.endswith(":")]
    return True, f"stages to run: {', '.join(stages)}" if stages else "all stages are up to date", ""


def _server() -> Check:
    if not LOG.exists():
        return True, "tenview serve has not run here", ""
    if errors := server_errors():
        worst, times = errors.most_common(1)[0]
        return False, f"{worst} ({times} times in {LOG})", "make install, then start tenview serve again"
    return True, "no error in the log of its Prefect server", ""


CHECKS: tuple[tuple[str, bool, Callable[[], Check]], ...] = (
    ("packages", True, _versions),
    ("machine", True, _machine),
    ("disk", True, _disk),
    ("parameters", True, _params),
    ("renderer numba", True, _numba),
    ("renderer pyrender", False, _pyrender),
    ("GPU", False, _gpu),
    ("DVC", True, _dvc),
    ("tenview serve", False, _server),
)
