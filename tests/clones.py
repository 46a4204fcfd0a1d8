"""Clones of the project with small parameters, for tests that run real DVC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from stages.params.tree import load


def run(clone: Path, *command: str, timeout: float = 500) -> subprocess.CompletedProcess[str]:
    """Run a command in the clone; it must end well."""
    ended = subprocess.run(
        [shutil.which(command[0], path=environment()["PATH"]) or command[0], *command[1:]],
        cwd=clone,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}\n{ended.stderr}"
    return ended


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
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (project / name).is_file() and not name.startswith(("dvc.lock", "reports/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / name, folder / name)
    write_params(folder, changes)
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Make the folder a Git repository with all that it holds, unless Git ignores it."""
    for command in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "clone"),
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
