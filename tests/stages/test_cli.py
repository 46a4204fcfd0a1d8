import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from stages.cli import STAGES, app


def tenview(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("tenview")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command", [*STAGES, "predict", "export", "app", "compare", "jaws", "params", "preset", "doctor"]
)
def test_help_shows_an_example(command: str) -> None:
    ended = CliRunner().invoke(app, [command, "--help"])
    assert ended.exit_code == 0
    assert f"Example: tenview {command}" in " ".join(ended.output.split())


def test_help_of_the_program_and_of_what_becomes_another_program(tmp_path: Path) -> None:
    ended = tenview("--help", folder=tmp_path)
    assert ended.returncode == 0
    assert all(stage in ended.stdout for stage in STAGES)
    assert "Example: tenview serve" in " ".join(tenview("serve", "--help", folder=tmp_path).stdout.split())


def test_a_wrong_parameter_stops_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("render: {image_siez: 64}")
    ended = tenview("download", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "tenview: params.yaml: render.image_siez: unknown key; did you mean render.image_size?\n"
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_the_module_is_the_command(tmp_path: Path, project: Path) -> None:
    (tmp_path / "params.yaml").write_text("render: {image_siez: 64}")
    code = [sys.executable, "-m", "stages.cli", "download"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    ended = subprocess.run(code, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    command = tenview("download", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (command.returncode, command.stderr) == (1, command.stderr)


def test_a_file_in_the_way_of_the_hidden_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / ".tenview").touch()
    ended = tenview("download", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("tenview: .tenview: File exists. Mend that")


@pytest.mark.parametrize("stage", ["prepare", "render", "train", "evaluate", "report"])
def test_a_stage_without_its_input_says_what_to_run(tmp_path: Path, stage: str) -> None:
    (tmp_path / "params.yaml").write_text("{}")
    ended = tenview(stage, folder=tmp_path)
    assert ended.returncode == 1
    assert "not found. Run" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("lock", [b"<<<<<<< HEAD\n- a\n=======\n", b"\xfc: 1\n", b"stages: 3\n", b""])
def test_a_lock_file_that_is_none_hides_no_error(tmp_path: Path, lock: bytes) -> None:
    (tmp_path / "params.yaml").touch()
    (tmp_path / "dvc.lock").write_bytes(lock)
    ended = tenview("prepare", folder=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("tenview: data/scans/cases.json: not found")


def test_starting_a_stage_loads_no_heavy_library(project: Path) -> None:
    heavy = ["torch", "numba", "vtkmodules", "trimesh", "pyrender", "matplotlib", "scipy", "prefect", "dvc"]
    code = (
        "import sys, stages.cli, stages.download, stages.prepare, stages.render, stages.train, stages.evaluate\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_doctor_finds_this_machine_ready(project: Path) -> None:
    ended = tenview("doctor", folder=project)
    assert "renderer numba" in ended.stdout
    assert ended.returncode == 0, ended.stdout


def test_params_lists_the_section(project: Path) -> None:
    ended = tenview("params", "train.network", folder=project)
    assert "train.network.encoder" in ended.stdout
    assert "render.backend" not in ended.stdout
    assert tenview("params", "nonsense", folder=project).returncode == 1


def test_values_are_shown_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("download: {directory: {path: 'Scans [/alt] [red]'}}")
    assert "Scans [/alt] [red]" in tenview("params", "download.directory", folder=tmp_path).stdout


def test_ctrl_c_ends_a_stage_and_its_workers_at_once(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("compute: {workers: 2}")
    program = Path(sys.executable).with_name("tenview")
    stage = subprocess.Popen([program, "download"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("data/.scans.*.partial/upper/*")):
        assert stage.poll() is None
        time.sleep(0.1)
    workers = psutil.Process(stage.pid).children(recursive=True)
    stage.send_signal(signal.SIGINT)
    _, errors = stage.communicate(timeout=60)
    assert stage.returncode == 130
    assert errors.splitlines()[-1] == "tenview: stopped; run it again"
    assert not psutil.wait_procs(workers, timeout=60)[1]
    assert not (tmp_path / "data/scans").exists()
