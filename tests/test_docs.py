"""Every command of README and docs: run in a small clone, or on the list of those that can't be, with the reason."""

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.params.tree import check
from tests.clones import environment, new_clone, run
from tests.test_pipeline import SMALL

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

# What can't run in a test, and why. The first pattern that is found in a command holds; the rest is run.
NOT_RUN = {
    r"^(apt-get|kill|make system-packages)": "changes the system",
    r"^git (clone|pull|push)|^dvc (pull|push)|s3://|^pip install": "needs a network or an account",
    r"teeth3ds": "downloads 8 GB",
    r"^(make |\.venv/)": "makes or uses an environment in the folder, or runs this suite",
    r"^python benchmarks": "takes minutes",
    r"^(tenview serve|prefect |dask )": "serves until it is stopped; tests/flows start them",
    r"surface=poisson": "needs an extra; tests/scans/preparing/test_poisson_surface.py runs it",
    r"precision=bf16": "needs a GPU",
    r"jaws=280": "trains for an hour",
    r"(directory|mkdir|scan\.stl|pictures/)": "needs the reader's own files",
    r"^tenview (predict|export|compare)": "the tests of tests/stages/commands and tests/model/test_export.py run it",
    r"^(dvc|tenview|git)$|…| (N|FOLDER|M)$": "no whole command",
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
    assert {"dvc repro", "tenview render", "dvc exp run -S render.image_size=128"} <= set(found)
    assert len([command for command in found if reason(command) is None]) >= 10


@pytest.mark.parametrize("command", commands())
def test_a_command_is_well_formed(command: str) -> None:
    """Its program, subcommand, options and parameters exist, whether it is run or not."""
    words = shlex.split(command)
    if words[0] == "tenview" and len(words) > 1 and not words[1].startswith("-"):
        ended = subprocess.run(
            ["tenview", words[1], "--help"], cwd=PROJECT, env=environment() | {"COLUMNS": "200"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert option in ended.stdout
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
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_clone(PROJECT, tmp_path_factory.mktemp("docs"), SMALL)
    run(folder, "dvc", "repro")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "run"], cwd=folder, check=True
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in commands() if reason(command) is None])
def test_a_command_runs(command: str, clone: Path) -> None:
    run(clone, *shlex.split(command))
    run(clone, "git", "checkout", "-q", ".")  # what it changed in params.yaml would make the next ones long
    shutil.rmtree(clone / "predictions", ignore_errors=True)
