"""The real stage, killed: it goes on, and ends with the bytes of one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.clones import environment, write_params
from tests.forked import start, tenview

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL = """
compute: {workers: 1, accelerator: cpu}
train:
  epochs: 3
  validation_interval: 1
  validation_cases: 1
  batch_size: 2
  ema_decay: 0.9
  network: {encoder: test_efficientnet, width: 16, heads: 2}
  cloud: {hidden: 16}
"""


@pytest.fixture
def folder(finished_clone: Path, tmp_path: Path) -> Path:
    """Data to train on."""
    write_params(tmp_path, SMALL)
    shutil.copytree(finished_clone / "data", tmp_path / "data")
    return tmp_path


def outputs(folder: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in (folder / "artifacts/model").iterdir()}
    return found | {"training.csv": (folder / "reports/training.csv").read_bytes()}


def test_a_killed_training_ends_with_the_same_bytes(folder: Path) -> None:
    tenview(folder, "train")
    whole = outputs(folder)
    assert whole.keys() == {
        "network.safetensors", "network.json", "epochs.jsonl", "mean_shape.npy", "cases.json", "views.json",
        "training.csv",
    }  # fmt: skip
    (state,) = (folder / ".tenview/training").iterdir()
    for each in state.iterdir():
        each.unlink()
    kept = state / "state.safetensors"
    for number in (signal.SIGTERM, signal.SIGKILL):
        training, before = start(folder, "train"), kept.stat().st_mtime_ns if kept.exists() else 0
        while not kept.exists() or kept.stat().st_mtime_ns == before:
            assert training.process.exitcode is None
            time.sleep(0.005)
        os.kill(training.process.pid, number)
        said = training.wait(60)
        assert training.process.exitcode == (143 if number == signal.SIGTERM else -9), said
        assert ("the next run goes on from here" in said) == (number == signal.SIGTERM)
    assert "going on from where" in tenview(folder, "train")
    assert outputs(folder) == whole
    epochs = [json.loads(line)["epoch"] for line in (folder / "artifacts/model/epochs.jsonl").read_text().splitlines()]
    assert epochs == list(range(4))

    write_params(folder, SMALL + "  seed: 1\n")
    assert "going on from where" not in tenview(folder, "train"), "another parameter is another training"
    assert len(list((folder / ".tenview/training").iterdir())) == 2


TWO = SMALL.replace("batch_size: 2", "batch_size: 4\n  accumulate: 2")


def start_two(folder: Path, how: str) -> list[subprocess.Popen[str]]:
    """Two processes as torchrun starts them, or as srun would, by the variables that SLURM sets."""
    programs = Path(sys.executable).parent
    environ = {**environment(), "OMP_NUM_THREADS": "1"}
    if how == "torchrun":
        torchrun = [programs / "torchrun", "--standalone", "--nproc-per-node", "2", "--no-python"]
        commands, variables = [[*torchrun, programs / "tenview", "train"]], [{}]
    else:
        commands = [[programs / "tenview", "train"]] * 2
        job = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODELIST": "127.0.0.1"}
        job |= {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1", "SLURM_JOB_ID": str(10_000 + os.getpid())}
        variables = [{**job, "SLURM_PROCID": n, "SLURM_LOCALID": n, "SLURM_NODEID": "0"} for n in "01"]
    return [
        subprocess.Popen(
            command, cwd=folder, env=environ | more, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        for command, more in zip(commands, variables, strict=True)
    ]


def finish_two(folder: Path, how: str) -> str:
    processes = start_two(folder, how)
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert not any(process.returncode for process in processes), told
    return "".join(told)


def test_two_processes_of_a_cluster_one_killed_end_with_the_same_bytes(folder: Path) -> None:
    write_params(folder, TWO)
    told = finish_two(folder, "torchrun")
    assert told.count("M parameters") == 1, "one of them speaks"
    whole = outputs(folder)
    (state,) = (folder / ".tenview/training").iterdir()
    for each in state.iterdir():
        each.unlink()
    (torchrun,) = start_two(folder, "torchrun")
    kept = state / "state.safetensors"
    while not kept.exists():
        assert torchrun.poll() is None
        time.sleep(0.005)
    second = next(
        process for process in psutil.Process(torchrun.pid).children(recursive=True) if process.environ()["RANK"] == "1"
    )
    second.kill()
    _, errors = torchrun.communicate(timeout=60)
    assert torchrun.returncode != 0
    assert "training: another of the processes that torchrun has started is gone" in errors
    assert "going on from where" in finish_two(folder, "srun"), "whoever starts them"
    assert outputs(folder) == whole
