import multiprocessing
import time
from pathlib import Path

import pytest

from stages.runtime.workspace import atomic_folder, stage_lock


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_appears_whole_or_not_at_all() -> None:
    with atomic_folder(Path("data/out")) as folder:
        (folder / "a").write_text("1")
        assert not Path("data/out").exists()
    with pytest.raises(ZeroDivisionError), atomic_folder(Path("data/out")) as folder:
        (folder / "b").write_text("2")
        _ = 1 / 0
    assert [str(path) for path in sorted(Path("data").rglob("*"))] == ["data/out", "data/out/a"]
    with atomic_folder(Path("data/out")) as folder:
        assert not list(folder.iterdir()), "what a failed run left is gone"
        (folder / "c").write_text("3")
    assert [str(path) for path in sorted(Path("data").rglob("*"))] == ["data/out", "data/out/c"]


def _hold(folder: str, seconds: float) -> None:
    import os

    os.chdir(folder)
    with stage_lock("render"):
        Path("held").touch()
        time.sleep(seconds)
        Path("released").touch()


@pytest.mark.parametrize("killed", [False, True])
def test_a_second_run_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str], killed: bool) -> None:
    first = multiprocessing.get_context("spawn").Process(target=_hold, args=(str(tmp_path), 300 if killed else 1.0))
    first.start()
    while not Path("held").exists():
        assert first.is_alive()
        time.sleep(0.02)
    if killed:
        first.kill()
        first.join()
    with stage_lock("render"):
        assert killed or Path("released").exists()
    with stage_lock("prepare"):  # another stage is never in the way
        pass
    if not killed:
        assert f"waiting for process {first.pid}" in capsys.readouterr().err
    first.join()
