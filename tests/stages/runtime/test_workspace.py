import multiprocessing
import time
from pathlib import Path

import pytest

from scans.errors import UserError
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


def test_what_others_write_stays_and_what_a_killed_run_left_goes() -> None:
    names = ("anna", "anna.1", "a*", "a[n]")
    for name in names:
        Path(f".{name}.0123abcd.partial").mkdir()
        Path(f".{name}.0123abcd.old").mkdir()
    with atomic_folder(Path("anna.1")) as first, atomic_folder(Path("anna")), atomic_folder(Path("anna.1")) as second:
        assert first.is_dir(), "another one of this name, and one whose name begins alike"
        (first / "a").touch()
        (second / "b").touch()
    assert sorted(
        path.name for path in Path().rglob("*") if names[2] not in path.name and names[3] not in path.name
    ) == [
        "a",
        "anna",
        "anna.1",
    ], "the one that ends last counts"
    with atomic_folder(Path("a*")):
        pass
    assert sorted(map(str, Path().glob(".*"))) == [".a[n].0123abcd.old", ".a[n].0123abcd.partial"]


@pytest.mark.parametrize("taken", ["data", "data/out"])
def test_a_file_in_the_way_is_named_and_stays(taken: str) -> None:
    Path(taken).parent.mkdir(exist_ok=True)
    Path(taken).write_text("mine")
    with pytest.raises(UserError, match=f"^{taken}: a file is in the way"), atomic_folder(Path("data/out")):
        pass
    assert Path(taken).read_text() == "mine"
    assert [path for path in Path().rglob("*") if path.is_file()] == [Path(taken)]


def test_a_link_to_a_folder_stays_a_link() -> None:
    Path("disk/out").mkdir(parents=True)
    Path("disk/out/old").touch()
    Path("data").mkdir()
    Path("data/out").symlink_to("../disk/out")
    with atomic_folder(Path("data/out")) as folder:
        (folder / "new").touch()
    assert Path("data/out").is_symlink()
    assert sorted(map(str, Path("disk").rglob("*"))) == ["disk/out", "disk/out/new"]


@pytest.mark.parametrize("link", ["data", "data/out"])
def test_a_disk_that_is_not_there_is_named(link: str) -> None:
    Path(link).parent.mkdir(exist_ok=True)
    Path(link).symlink_to("/nowhere/disk")
    with (
        pytest.raises(UserError, match=f"^{link}: a link to /nowhere/disk, which isn't there"),
        atomic_folder(Path("data/out")),
    ):
        pass
    assert Path(link).is_symlink()


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
