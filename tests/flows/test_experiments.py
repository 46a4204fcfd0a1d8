"""Real DVC and Git: a run's values in params.yaml, and what a killed run leaves."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows import experiments
from flows.dvc import output
from flows.experiments import changed_params, recover, save
from scans.errors import UserError
from stages.runtime.system import DVC
from tests.clones import commit

PIPELINE = "stages: {render: {cmd: cp params.yaml views, params: [render], outs: [views]}}"
PARAMS = "# Mine.\nrender:\n  image_size: 24  # Pixels.\n"
OF_PROJECT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a committed pipeline of one stage, that has run; some of the user's changes are staged."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / ".gitignore").write_text("/.tenview/\n")
    for name in ("staged", "both", "changed"):
        (tmp_path / name).write_text("committed")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([DVC, "init", "-q"], check=True)
    subprocess.run([DVC, "repro", "-q"], check=True)
    commit(tmp_path)
    (tmp_path / "staged").write_text("staged")
    (tmp_path / "both").write_text("staged")
    subprocess.run(["git", "add", "staged", "both"], check=True)
    (tmp_path / "both").write_text("changed again")
    (tmp_path / "changed").write_text("changed")
    (tmp_path / "untracked").write_text("new")
    (tmp_path / "params.yaml").write_text(PARAMS.replace("24", "32"))
    subprocess.run([DVC, "repro", "-q"], check=True)
    return tmp_path


def git_state() -> dict[str, str]:
    """Branch, what is staged and what is changed beside that, whole."""
    commands = {"head": ["symbolic-ref", "HEAD"], "commit": ["rev-parse", "HEAD"], "staged": ["diff", "--cached"]}
    commands |= {"changed": ["diff"], "untracked": ["status", "--short"]}
    return {
        name: subprocess.run(["git", *command], capture_output=True, text=True, check=False).stdout
        for name, command in commands.items()
    }


def test_a_run_has_its_values_in_params_yaml_and_leaves_them_if_it_ends_well(small: Path) -> None:
    with changed_params({"render.image_size": 64}):
        assert (small / "params.yaml").read_text() == PARAMS.replace("24", "64")
    assert (small / "params.yaml").read_text() == PARAMS.replace("24", "64")
    assert recover() == []


def test_a_run_that_fails_takes_its_values_back_but_not_the_users(small: Path) -> None:
    before = (small / "params.yaml").read_bytes()
    with pytest.raises(KeyError), changed_params({"render.image_size": 64, "render.samples": 1}):
        raise KeyError
    assert (small / "params.yaml").read_bytes() == before
    with pytest.raises(KeyError), changed_params({"render.image_size": 64}):
        (small / "params.yaml").write_text(PARAMS.replace("24", "80"))
        raise KeyError
    assert (small / "params.yaml").read_text() == PARAMS.replace("24", "80")


def test_the_values_of_a_run_that_was_killed_are_taken_out(small: Path) -> None:
    before = (small / "params.yaml").read_bytes()
    script = "import os; from flows.experiments import changed_params\n"
    script += "with changed_params({'render.image_size': 64}): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script], env=OF_PROJECT, check=False)
    assert "64" in (small / "params.yaml").read_text()
    assert recover() == ["params.yaml: took out the values of a run that was killed"]
    assert (small / "params.yaml").read_bytes() == before
    assert recover() == []


def test_an_experiment_holds_the_result_and_git_is_as_before(small: Path) -> None:
    before, lock = git_state(), (small / "dvc.lock").read_bytes()
    save("first", ["render"])
    assert git_state() == before
    assert (small / "dvc.lock").read_bytes() == lock
    assert output("exp", "list", "--name-only").split() == ["first"]
    kept = subprocess.run(["git", "for-each-ref", "refs/exps", "--format=%(refname)"], capture_output=True, check=True)
    (name,) = [line for line in kept.stdout.decode().split() if line.endswith("/first")]
    shown = subprocess.run(["git", "show", f"{name}:params.yaml"], capture_output=True, text=True, check=True)
    assert shown.stdout == PARAMS.replace("24", "32")


def test_without_a_git_identity_a_run_does_not_start(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(small / "none"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    with pytest.raises(UserError, match=r"Git: user\.name is not set.*git config --global user\.name"):
        experiments.require_git_identity()


def test_what_dvc_says_against_it_is_told_and_git_is_as_before(small: Path) -> None:
    before = git_state()
    with pytest.raises(UserError, match=r"dvc exp save: .*no such stage"):
        save("first", ["no such stage"])
    assert git_state() == before
    assert small.is_dir()


def test_files_that_dvc_has_overwritten_before_it_detached_head_are_put_back(small: Path) -> None:
    before = git_state()
    experiments._note_git()
    subprocess.run(["git", "update-ref", "refs/exps/exec/EXEC_MERGE", "HEAD"], check=True)
    (small / "both").write_text("")
    (small / "params.yaml").write_text(PARAMS)
    assert recover() == ["Git: put back the branch, the staged and the changed files, as before a run that was killed"]
    assert git_state() == before
    save("next", ["render"])
    assert git_state() == before


MOMENTS: dict[str, Callable[[], bool]] = {
    "changes are in the stash": Path(".git/refs/stash").exists,
    "HEAD is detached": lambda: not Path(".git/HEAD").read_text().startswith("ref: "),
    "the experiment is applied": Path(".git/refs/exps/exec/EXEC_MERGE").exists,
    "the experiment is kept": lambda: any(Path(".git/refs/exps").glob("??/*/killed")),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_lost_when_the_power_goes_while_dvc_takes_git_apart(small: Path, moment: str) -> None:
    before = git_state()
    script = "from flows.experiments import save; save('killed', ['render'])"
    process = subprocess.Popen([sys.executable, "-c", script], env=OF_PROJECT)
    while not MOMENTS[moment]():
        assert process.poll() is None, "it was over before that moment was seen"
        time.sleep(0.0005)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    assert experiments.GIT.exists()
    recover()
    assert git_state() == before
    save("next", ["render"])
    assert git_state() == before
    assert "next" in output("exp", "list", "--name-only").split()
    assert small.is_dir()
