"""Clones of the project with small parameters, for tests that run real DVC."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from ruamel.yaml import YAML

from stages.cli import STAGES
from stages.params.tree import load

PROJECT = Path(__file__).resolve().parents[1]
# Laid over `presets/best.yaml`, so that the whole pipeline runs in seconds.
TOY = """# As small as can be; of a field that has learnt so little, points far from its surface make one, too.
download: {synthetic: {jaws: 10, test_jaws: 2, voxel_size: 1.2}}
prepare: {points: 8192, validation_share: 0.4, cases_per_shard: 1}
render: {image_size: 64, samples: 1}
train:
  epochs: 2
  learning_rate: 0.005
  ema_decay: 0.5
  validation_cases: 1
  network: {encoder: test_efficientnet, width: 16, heads: 2}
  field:
    channels: 8
    view_width: 16
    queries: {count: 256}
    reconstruction: {max_residual: 0.2, max_distance: 0.2, target_points: 5000, voxel: 0.03}
evaluate: {hungarian_draws: 0}
report: {cases: 2}
compute: {workers: 1, accelerator: cpu}
"""


def run(clone: Path, *command: str, timeout: float = 500) -> subprocess.CompletedProcess[str]:
    """Run a command in the clone; it must end well. One that is given up is killed with all that it has started."""
    process = subprocess.Popen(
        [shutil.which(command[0], path=environment()["PATH"]) or command[0], *command[1:]],
        cwd=clone, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        out, errors = process.communicate(timeout=timeout)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    assert process.returncode == 0, f"{command}:\n{out}\n{errors}"
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def start(clone: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a command of the environment in a session of its own; what it says goes to `started.log` in the clone."""
    with open(clone / "started.log", "ab") as log:
        return subprocess.Popen(
            [shutil.which(command[0], path=environment()["PATH"]) or command[0], *command[1:]],
            cwd=clone, env=environment(), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def running_stage(dvc: subprocess.Popen[bytes]) -> str | None:
    """The stage that a DVC from `start` is at."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(dvc.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                if any("tenview" in word for word in line) and line[-1].split()[-1] in STAGES:
                    return line[-1].split()[-1]
    return None


def kill_in(dvc: subprocess.Popen[bytes], stage: str, *, orphan: bool) -> None:
    """SIGKILL as soon as the stage runs: on DVC alone, so that its stage goes on without it, or on both."""
    while running_stage(dvc) != stage:
        assert dvc.poll() is None, f"it ended before {stage}"
        time.sleep(0.02)
    kill(dvc, orphan=orphan)


def kill(dvc: subprocess.Popen[bytes], *, orphan: bool) -> None:
    """SIGKILL on DVC alone, so that its stage goes on without it, or on both."""
    if orphan:
        dvc.kill()
    else:
        os.killpg(dvc.pid, signal.SIGKILL)
    dvc.wait()


def lock(clone: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage: its command, parameters, and the digests of what it read and wrote."""
    return YAML(typ="safe").load(clone / "dvc.lock")["stages"]


def environment() -> dict[str, str]:
    """What an activated environment sets, so that DVC finds `tenview`."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def write_params(folder: Path, changes: str) -> None:
    """params.yaml with every key, as the project has it, and these values in place of the defaults."""
    (folder / "params.yaml").write_text(changes)
    values = load(folder / "params.yaml").model_dump(mode="json")
    with open(folder / "params.yaml", "w") as file:
        YAML().dump(values, file)


def new_clone(project: Path, folder: Path, changes: str) -> Path:
    """The project's files as they are now, in a Git repository of their own with these parameters."""
    copy_files(project, folder)
    write_params(folder, changes)
    commit(folder)
    return folder


def toy_clone(folder: Path) -> Path:
    """A clone with the presets `best` and then `toy`, which is the clone's own; nothing has run in it."""
    copy_files(PROJECT, folder)
    write_params(folder, "{}")
    (folder / "presets/toy.yaml").write_text(TOY)
    for name in ("best", "toy"):
        run(folder, "tenview", "preset", name)
    commit(folder)
    return folder


def finish(clone: Path) -> None:
    """Run the pipeline and commit what it leaves."""
    run(clone, "dvc", "repro", timeout=3000)
    commit(clone)


def copy_of(clone: Path, folder: Path) -> Path:
    """A copy of a clone to write to, with its outputs and DVC's cache but without the store for resuming."""
    return shutil.copytree(clone, folder, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".tenview"))


def copy_files(project: Path, folder: Path) -> None:
    """Copy what Git tracks or would track, without the results of a run."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (project / name).is_file() and not name.startswith(("dvc.lock", "reports/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / name, folder / name)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills once, in whichever of pytest-xdist's processes comes first; the others wait for it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, finished = base / name, base / f"{name}.finished"
    with FileLock(base / f"{name}.lock"):
        if not finished.exists():
            assert not folder.exists(), f"{name} could not be made; the first test that needed it says why"
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder


def commit(folder: Path) -> None:
    """Make the folder a Git repository with all that it holds, unless Git ignores it."""
    for command in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "clone", "--allow-empty"),
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
