"""A run with changed parameters: params.yaml holds them while it runs, then DVC keeps the result as an experiment.

`dvc exp run` does both, but it takes Git's HEAD, index and changed files apart and together again, and a killed one
leaves them apart. So the stages run by `dvc repro`, and `dvc exp save`, which does the same for two seconds, is let
finish. What was before stands in .tenview/run meanwhile: after a power cut, `recover` puts it back.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from flows.dvc import is_dvc
from scans.errors import UserError
from scans.files import atomic_change, atomic_file
from stages.params.edit import edited
from stages.params.tree import PARAMS_FILE
from stages.runtime.system import DVC
from stages.runtime.workspace import HIDDEN

NOTES = HIDDEN / "run"  # of what is to be put back
BEFORE, DURING = NOTES / "params_before.yaml", NOTES / "params_during.yaml"
GIT, INDEX, SAVING = NOTES / "git.json", NOTES / "index", NOTES / "pid"


@contextmanager
def changed_params(changed: Mapping[str, Any]) -> Iterator[None]:
    """Have these values, by dotted keys, in params.yaml, which is as it was before if the block fails.

    Somebody's edits meanwhile stay.
    """
    if not changed:
        yield
        return
    NOTES.mkdir(parents=True, exist_ok=True)
    before = PARAMS_FILE.read_bytes()
    during = edited(before.decode(), changed, str(PARAMS_FILE)).encode()
    with atomic_file(DURING) as partial:
        partial.write_bytes(during)
    with atomic_file(BEFORE) as partial:  # the last of the notes: from here on `recover` acts
        partial.write_bytes(before)
    try:
        _write_params(during)
        yield
    except BaseException:
        _restore_params()
        raise
    BEFORE.unlink()


def _restore_params() -> bool:
    restored = PARAMS_FILE.exists() and PARAMS_FILE.read_bytes() == DURING.read_bytes()
    if restored:
        _write_params(BEFORE.read_bytes())
    BEFORE.unlink()
    return restored


def _write_params(content: bytes) -> None:
    with atomic_change(PARAMS_FILE) as partial:
        partial.write_bytes(content)


def is_running_with(content: bytes) -> bool:
    """Whether params.yaml holds this because a run is in progress that has set it, and may yet take it back."""
    return BEFORE.exists() and content == DURING.read_bytes()


def require_git_identity() -> None:
    """Raise UserError before a run at whose end DVC could not keep the experiment."""
    for key in ("user.name", "user.email"):
        if not _git("config", key, check=False):
            raise UserError(
                f"Git: {key} is not set, without which DVC keeps no experiment. "
                "Run git config --global user.name 'Your Name', and the same for user.email with your address."
            )


def save(name: str, stages: Sequence[str]) -> None:
    """Keep params.yaml, dvc.lock and the results of these stages as DVC's experiment `name`.

    What the user has staged stays staged, other than with DVC alone.

    Raises:
        UserError: DVC can't; the message is its own.
    """
    _note_git()
    # In a session of its own: a cancelled run, or one that is killed, lets it finish.
    process = subprocess.Popen(
        [DVC, "exp", "save", "--force", "--name", name, *stages],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    SAVING.write_text(str(process.pid))
    try:
        _, said = process.communicate()
    finally:
        process.wait()
        _restore_git()
    if process.returncode:
        raise UserError(f"dvc exp save: {said.strip()}")


def recover() -> list[str]:
    """Put back what a run left that was killed or had no power any more; returns a line for each thing."""
    told = []
    if GIT.exists():
        while SAVING.exists() and is_dvc(int(SAVING.read_text())):  # the run was killed, and that is not
            time.sleep(0.2)
        _break_locks()
        if _restore_git():
            told.append("Git: put back the branch, the staged and the changed files, as before a run that was killed")
    if BEFORE.exists() and _restore_params():
        told.append("params.yaml: took out the values of a run that was killed")
    return told


def _note_git() -> None:
    NOTES.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_git("rev-parse", "--git-path", "index"), INDEX)
    notes = _heads() | {
        "commit": _git("rev-parse", "HEAD"),
        "files": _git("stash", "create") or _git("rev-parse", "HEAD"),  # a commit of changed files, and of the index
    }
    with atomic_file(GIT) as partial:
        partial.write_text(json.dumps(notes))


def _heads() -> dict[str, str]:
    """What `dvc exp save` moves before it touches a file, and moves back after its last one."""
    return {
        "branch": _git("symbolic-ref", "--quiet", "HEAD", check=False),  # empty where HEAD is detached
        "stash": _git("rev-parse", "--quiet", "--verify", "refs/stash", check=False),
        "merge": _git("rev-parse", "--quiet", "--verify", "refs/exps/exec/EXEC_MERGE", check=False),
    }


def _break_locks() -> None:
    """Delete what a killed `dvc exp save` holds of Git's and of DVC's experiments."""
    git, refs = Path(_git("rev-parse", "--git-dir")), Path(_git("rev-parse", "--git-path", "refs"))
    for lock in chain(git.glob("*.lock"), refs.glob("*.lock"), refs.glob("exps/**/*.lock")):
        lock.unlink()
    held = Path(".dvc/tmp/exps/rwlock")  # DVC believes a holder alive that nobody has waited for
    if held.exists() and not any(is_dvc(int(pid)) for pid in re.findall(r'"pid": (\d+)', held.read_text())):
        held.unlink()


def _restore_git() -> bool:
    """Whether DVC had left HEAD, index and files apart; they are as noted now. Otherwise only the index is put back."""
    notes = json.loads(GIT.read_text())
    apart = any(notes[name] != value for name, value in _heads().items())
    if apart:
        if notes["branch"] and _git("rev-parse", notes["branch"]) == notes["commit"]:
            _git("symbolic-ref", "HEAD", notes["branch"])
        _git("reset", "--quiet")
        if found := _git("stash", "create"):  # so that nothing is lost, whatever it is
            _git("stash", "store", "--message", "tenview: as a killed run left it", found)
        _git("reset", "--quiet", "--hard")
        if notes["files"] != notes["commit"]:
            _git("stash", "apply", "--quiet", "--index", notes["files"])
    elif _git("rev-parse", "HEAD") == notes["commit"] and INDEX.exists():
        with atomic_file(Path(_git("rev-parse", "--git-path", "index"))) as partial:
            shutil.copyfile(INDEX, partial)
    INDEX.unlink(missing_ok=True)
    GIT.unlink()
    return apart


def _git(*arguments: str, check: bool = True) -> str:
    ended = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if ended.returncode and check:
        raise UserError(f"git {' '.join(arguments)}: {ended.stderr.strip()}")
    return ended.stdout.strip()
