"""Finds a run by its name: a folder, or an experiment or Git revision, whose files are written into a folder."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from scans.errors import UserError
from stages.runtime.progress import say
from stages.runtime.system import DVC
from stages.runtime.workspace import CASES, CURVES, INTERVALS, METRICS, PREDICTIONS, TEETH

COMMITTED = (METRICS, INTERVALS, CURVES, Path("params.yaml"), Path("dvc.lock"))  # Git holds these
CACHED = (CASES, TEETH, PREDICTIONS)  # DVC holds these, in its cache or a remote


@dataclass(frozen=True, slots=True)
class Run:
    """A run to compare.

    Attributes:
        name: as the user gave it.
        folder: holds reports/ and, of a folder of the user's, data/.
        missing: sentences on what could not be found.
    """

    name: str
    folder: Path
    missing: list[str] = field(default_factory=list)


def find_run(name: str, scratch: Path) -> Run:
    """Find a run.

    Args:
        name: a folder with reports/ in it, the name of an experiment, or a Git revision.
        scratch: an empty folder, where a revision's files are written.

    Raises:
        UserError: there is no such folder or revision, or it has no metrics.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / METRICS).exists():
            raise UserError(f"{folder / METRICS}: not found. Run `dvc repro` in {folder}, or name another run.")
        return Run(name, folder)
    commit = _commit(name)
    for path in COMMITTED:
        content = _git("show", f"{commit}:./{path}")
        if content is not None:
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).write_bytes(content)
    if not (scratch / METRICS).exists():
        raise UserError(f"{name}: has no {METRICS}. Name a revision in which `dvc repro` had run.")
    lock = (scratch / "dvc.lock").read_text(encoding="utf-8") if (scratch / "dvc.lock").exists() else ""
    wanted = [path for path in CACHED if f"path: {path}\n" in lock]
    missing = [
        f"{path} of {name} is neither in DVC's cache nor in its remote; `dvc exp apply` and `dvc repro` make it again."
        for path in wanted
        if not _from_dvc(path, commit, scratch / path)
    ]
    return Run(name, scratch, missing)


def _commit(name: str) -> str:
    """The commit of a revision or of an experiment's name, which `dvc exp run --name` keeps under refs/exps."""
    if _git("rev-parse", "--git-dir") is None:
        raise UserError(f"{name}: no such folder, and this one is no Git repository whose revision it could name.")
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found is not None:
        return found.decode().strip()
    listed = (_git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or b"").decode().splitlines()
    commits = {line.split()[0] for line in listed if line.split()[1].split("/")[2:][-1:] == [name]}
    if len(commits) > 1:
        raise UserError(
            f"{name}: {len(commits)} experiments have this name. Name one by its commit: `dvc exp list -A`."
        )
    if not commits:
        raise UserError(f"{name}: no such folder, experiment or Git revision. `dvc exp list -A` lists the experiments.")
    return commits.pop()


def _git(*arguments: str) -> bytes | None:
    """What Git prints; None where it fails."""
    try:
        ended = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("git: not found. Install it, or compare two folders.") from None
    return ended.stdout if ended.returncode == 0 else None


def _from_dvc(path: Path, commit: str, target: Path) -> bool:
    """Have DVC put what it keeps of a commit's output at `target`; whether it has it."""
    say(f"compare: {path} of {commit[:8]} from DVC")
    target.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [DVC, "get", "--quiet", "--rev", commit, "--out", target, ".", path], capture_output=True, check=False
    )
    return ended.returncode == 0
