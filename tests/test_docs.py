"""Every command of README and docs: run in a small clone, or on the list of those that can't be, with the reason."""

import functools
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from stages.cli import app
from stages.params.tree import check
from tests.clones import copy_of, run
from tests.forked import tenview

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
PROGRAMS = (
    "tenview",
    "dvc",
    "make",
    "python",
    "pip",
    "git",
    "dask",
    "prefect",
    "mkdir",
    "apt-get",
    "kill",
    ".venv/bin",
)
EXPERIMENT = "dvc exp run -S render.image_size=128"

# What can't run in a test, and why. The first pattern that is found in a command holds; the rest is run.
NOT_RUN = {
    r"^(apt-get|kill|make system-packages)": "changes the system",
    r"^git (clone|pull|push|lfs)|^dvc (pull|push)|s3://|^pip install": "needs a network or an account",
    r"teeth3ds": "downloads 8 GB",
    r"^(make |\.venv/)": "makes or uses an environment in the folder, or runs this suite",
    r"^python benchmarks": "takes minutes",
    r"^dvc queue start": "runs what the other commands queue, which takes minutes",
    r"mesh_files/fuzz": "tests/scans/mesh_files/test_corpus.py runs it with fewer files",
    r"^(tenview (serve|app)|prefect |dask )": "serves until it is stopped; tests/flows and tests/stages/app start them",
    r"surface=poisson": "needs an extra; tests/scans/preparing/test_poisson_surface.py runs it",
    r"srun|sbatch|^torchrun|^dvc commit": "needs a cluster; tests/stages/test_train.py starts processes as one does",
    r"precision=bf16": "needs a GPU",
    r"jaws=280|^tenview preset pretrained": "trains for an hour, or is for what does",
    r"(directory|mkdir|scan\.stl|pictures/)": "needs the reader's own files",
    r"^tenview (predict|export|compare|jaws)": "tests/stages/commands and tests/model/test_export.py run it",
    r"^(dvc|tenview|git|python -m stages\.cli)$|…| (N|FOLDER|M|STAGE)$": "no whole command",
}


def commands() -> list[str]:
    """The commands of all pages, in their order, each once."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line[4:] for line in text.splitlines() if line.startswith("    ")] + re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            for command in re.split(r" && |; ", re.sub(r"\s{2,}#.*", "", line).strip()):
                if re.match(rf"({'|'.join(map(re.escape, PROGRAMS))})([ /]|$)", command):
                    found[command.strip()] = None
    return list(found)


def reason(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), None)


def test_commands_are_found() -> None:
    found = commands()
    assert {"dvc repro", "tenview render", EXPERIMENT} <= set(found)
    assert len([command for command in found if reason(command) is None]) >= 10


@functools.cache
def help_of(subcommand: str) -> str:
    """What `tenview SUBCOMMAND --help` says."""
    if subcommand == "serve":  # becomes another program
        return run(PROJECT, "tenview", "serve", "--help").stdout
    ended = CliRunner().invoke(app, [subcommand, "--help"], env={"COLUMNS": "200"})
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.mark.parametrize("command", commands())
def test_a_command_is_well_formed(command: str) -> None:
    """Its program, subcommand, options and parameters exist, whether it is run or not."""
    words = shlex.split(command)
    if words[0] == "tenview" and len(words) > 1 and not words[1].startswith("-"):
        options = [word.split("=")[0] for word in words[2:] if word.startswith("--")]
        assert all(option in help_of(words[1]) for option in [*options, "--help"])
    if words[0] == "make" and len(words) > 1 and "=" not in words[1]:
        assert re.search(rf"^{re.escape(words[1])}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    if words[0] == "python" and words[1].startswith("benchmarks"):
        assert (PROJECT / words[1]).exists()
    for change in (following for word, following in pairwise(words) if word == "-S"):
        key, _, value = change.partition("=")
        if "…" not in change:
            values: dict = {}
            place = values
            *parents, name = key.split(".")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = YAML(typ="safe", pure=True).load(value)
            if key.startswith("download.directory."):  # two axes that only together make sense
                values["download"]["directory"] |= {"crowns": "+y", "incisors": "+z"}
            check(values, command)


@pytest.fixture(scope="module")
def clone(finished_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished clone, which is brought back to its commit after each command."""
    return copy_of(finished_clone, tmp_path_factory.mktemp("docs"))


def run_here() -> tuple[list[str], list[str]]:
    """The commands that can run, and of these the experiments."""
    every = [command for command in commands() if reason(command) is None]
    experiments = [command for command in every if command.startswith("dvc exp run")]
    return [command for command in every if command not in experiments], experiments


@pytest.mark.slow
def test_experiments_can_be_queued(clone: Path) -> None:
    """All as one, for each takes DVC seconds; their values are checked above, and tests/test_pipeline.py runs one."""
    words = [word for command in run_here()[1] for word in shlex.split(command)[3:]]
    assert words.count("-S") > 10
    assert {word for word in words if word.startswith("-")} == {"-S", "--temp", "--queue"}
    changes = {word.partition("=")[0]: word for before, word in pairwise(words) if before == "-S"}  # a key's last value
    run(clone, "dvc", "exp", "run", "--queue", *(word for change in changes.values() for word in ("-S", change)))


@pytest.mark.slow
@pytest.mark.parametrize("command", run_here()[0])
def test_a_command_runs(command: str, clone: Path) -> None:
    program, *arguments = shlex.split(command)
    if program == "tenview":
        tenview(clone, *arguments)
    else:
        run(clone, program, *arguments)
    run(clone, "git", "checkout", "-q", ".")  # what it changed in params.yaml would make the next ones long
    shutil.rmtree(clone / "predictions", ignore_errors=True)
