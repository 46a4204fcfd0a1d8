"""A real DVC whose files were cut off, as a SIGKILL in the middle of writing leaves them."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.torn_files import LOCK, RWLOCK, mend
from tests.clones import commit

PIPELINE = """
stages:
  report:
    cmd: echo a page > page
    outs: [page]
"""


def dvc(*arguments: str, code: int = 0) -> str:
    """What a `dvc` command says."""
    command = [Path(sys.executable).with_name("dvc"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a pipeline that has run and a dvc.lock that is not committed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    dvc("repro")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["", "md"], ids=["empty", "cut off"])
def test_a_torn_lock_is_replaced_by_the_committed_one(finished: Path, kept: str) -> None:
    commit(finished)
    whole = LOCK.read_bytes()
    assert mend() == []
    LOCK.write_bytes(whole[: whole.index(kept.encode()) + len(kept)])
    assert "dvc.lock" in dvc("repro", code=255)
    assert mend() == ["dvc.lock: DVC was killed while it wrote this file; put back the committed one"]
    assert LOCK.read_bytes() == whole
    assert "Running stage" not in dvc("repro")


@pytest.mark.usefixtures("finished")
def test_a_torn_lock_that_git_does_not_have_is_deleted() -> None:
    LOCK.write_bytes(b"")
    assert mend() == ["dvc.lock: DVC was killed while it wrote this file; deleted it, for Git has none"]
    assert not LOCK.exists()


@pytest.mark.usefixtures("finished")
def test_a_conflict_is_the_users() -> None:
    conflict = b"<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '1.0'\n>>>>>>> other\n"
    LOCK.write_bytes(conflict)
    assert mend() == []
    assert LOCK.read_bytes() == conflict


@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_a_torn_list_of_who_works_here_is_deleted() -> None:
    RWLOCK.write_text('{"write": {')
    assert "JSON structure is corrupted" in dvc("repro", "--force", code=255)
    assert mend() == [".dvc/tmp/rwlock: DVC was killed while it wrote this file; deleted it"]
    assert "Running stage" in dvc("repro", "--force")


@pytest.mark.usefixtures("finished")
def test_nothing_is_torn_where_nothing_has_run() -> None:
    LOCK.unlink()
    RWLOCK.unlink(missing_ok=True)
    assert mend() == []
