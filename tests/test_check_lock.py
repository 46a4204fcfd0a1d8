"""`make lint` tells a dvc.lock of other code, parameters or results from the right one, without any data."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clones import environment

CHECK = Path(__file__).parents[1] / ".ci" / "check_lock.py"
DVC_YAML = """\
stages:
  first:
    cmd: mkdir -p data && cat code/a.py b.py > data/out
    deps: [code, b.py]
    params: [first]
    outs: [data/out]
  second:
    cmd: wc -c data/out > metrics.json
    deps: [data/out]
    params: [second]
    metrics:
      - metrics.json:
          cache: false
"""


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A small DVC project that has run and lost its data since, as a fresh clone has none."""
    (tmp_path / "code").mkdir()
    for name, text in {"code/a.py": "a\n", "b.py": "b\n", "dvc.yaml": DVC_YAML}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "params.yaml").write_text("first: {x: 1, y: 2}\nsecond: {z: 3}\n")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro", "-q"]):
        subprocess.run(command, cwd=tmp_path, env=environment(), check=True)
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / ".dvc" / "cache")
    return tmp_path


def check(folder: Path) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, CHECK], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stderr


@pytest.mark.slow
def test_a_fresh_clone_is_right_and_each_change_is_named(ran: Path) -> None:
    assert check(ran) == (0, "")
    (ran / "code" / "new.py").write_text("new\n")
    code, said = check(ran)
    assert code == 1
    assert said.splitlines()[1:] == ["  first: code (modified)"]
    (ran / "b.py").write_text("c\n")
    (ran / "metrics.json").write_text("5\n")
    (ran / "params.yaml").write_text("first: {x: 1, y: 2}\nsecond: {z: 4}\n")
    (ran / "dvc.yaml").write_text(DVC_YAML.replace("mkdir -p", "mkdir --parents"))
    assert set(check(ran)[1].splitlines()[1:]) == {
        "  first: its command",
        "  first: code (modified)",
        "  first: b.py (modified)",
        "  second: params.yaml, second (modified)",
        "  second: metrics.json (modified)",
    }
