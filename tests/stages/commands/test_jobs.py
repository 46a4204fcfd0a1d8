"""Names of results, one for each folder or scan that `predict` is called with."""

import os
from pathlib import Path

import pytest

from scans.errors import UserError
from stages.commands.predict import _jobs, folders_in, scans_in


def names(folders: list[str], scans: list[str]) -> list[str]:
    return [job.name for job in _jobs([Path(path) for path in folders], [Path(path) for path in scans])]


def test_a_result_has_the_name_of_its_folder_or_scan() -> None:
    assert names(["in/anna", "/data/Μαρία 2"], ["scans/ben.v2.stl"]) == ["anna", "Μαρία 2", "ben.v2"]


def test_a_link_gives_its_own_name_and_a_dot_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert names(["link", "."], []) == ["link", tmp_path.name]


def test_equal_names_get_the_parents_name_before_them() -> None:
    assert names(["P1/views", "P2/views"], []) == ["P1__views", "P2__views"]
    assert names([], ["P1/a/Upper.stl", "P2/a/Upper.stl"]) == ["P1__a__Upper", "P2__a__Upper"]


@pytest.mark.parametrize("name", [os.fsdecode(b"M\xfcller"), "a\nb", "x" * 200])
def test_a_name_that_is_no_text_for_a_file_is_replaced(name: str) -> None:
    (found,) = names([f"in/{name}"], [])
    assert found.isprintable()
    assert len(found.encode()) <= 120
    assert found.partition("~")[0] in ("M_ller", "a_b", "x" * 111)


def test_one_jaw_twice_is_refused() -> None:
    for folders, scans in (([], []), (["a", "./a"], []), ([], ["a.stl", "a.ply"])):
        with pytest.raises(UserError, match=r"name a folder with pictures|is there twice"):
            names(folders, scans)


def test_a_folder_of_folders_stands_for_those_in_it(tmp_path: Path) -> None:
    for name in (
        "batch/ben/view_00.png",
        "batch/anna/View 0.JPG",
        "batch/carl/IMG_1.jpg",
        "batch/dora/views/view_0.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "batch/.trash").mkdir()
    batch = tmp_path / "batch"
    assert folders_in(batch) == [batch / "anna", batch / "ben", batch / "carl", batch / "dora/views"]
    assert folders_in(batch / "anna") == [batch / "anna"]
    assert folders_in(batch / "carl") == [batch / "carl"], "so that what is wrong with it is told"
    assert folders_in(tmp_path / "absent") == [tmp_path / "absent"]


def test_a_folder_of_scans_stands_for_those_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no scan of an upper jaw"):
        scans_in(tmp_path)
    for name in ("ben.stl", "anna.ply", "lower.stl", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert scans_in(tmp_path) == [tmp_path / "anna.ply", tmp_path / "ben.stl"]
    assert "left out, no scan: notes.txt" in capsys.readouterr().err
    assert scans_in(tmp_path / "ben.stl") == [tmp_path / "ben.stl"]
