import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from scans.errors import UserError
from scans.mesh_files.read import SUFFIXES
from stages.app import uploads
from stages.app.uploads import SCANS, Dropped, shown, sort_out, unpacked

Drop = Callable[..., list[Dropped]]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """Files as an upload keeps them, by their names; None stands for a small picture."""

    def make(**files: bytes | None) -> list[Dropped]:
        dropped = []
        for number, (name, content) in enumerate(files.items()):
            kept = tmp_path / f"{number:04d}"
            kept.write_bytes(content if content is not None else picture())
            dropped.append(Dropped(kept, PurePosixPath(name)))
        return dropped

    return make


def picture(size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, "PNG")
    return buffer.getvalue()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def named(jaw: uploads.Jaw) -> dict[str, str]:
    return {path: each.name.name for path, each in jaw.files.items()}


def test_scans_are_those_that_can_be_read() -> None:
    assert SCANS == SUFFIXES


def test_views_keep_their_numbers_and_cameras_come_along(drop: Drop) -> None:
    files = {"anna/View-3.PNG": None, "anna/view_00.png": None, "anna/transforms.json": b"{}", "anna/notes.txt": b"x"}
    (jaw,) = sort_out(drop(**files))
    assert jaw.name == "anna"
    assert not jaw.is_scan
    assert named(jaw) == {
        "jaw/view_00.png": "view_00.png",
        "jaw/view_03.png": "View-3.PNG",
        "jaw/transforms.json": "transforms.json",
    }
    assert jaw.notes == ["left out, not read here: notes.txt"]


def test_pictures_with_other_names_are_taken_in_their_order_and_it_is_said(drop: Drop) -> None:
    (jaw,) = sort_out(drop(**{f"IMG_{number}.JPG": None for number in (10, 9, 2)}))
    assert named(jaw) == {
        "jaw/view_00.jpg": "IMG_2.JPG",
        "jaw/view_01.jpg": "IMG_9.JPG",
        "jaw/view_02.jpg": "IMG_10.JPG",
    }
    assert "IMG_2.JPG as view 0, IMG_9.JPG as view 1, IMG_10.JPG as view 2" in jaw.notes[0]


def test_cameras_set_the_order_of_pictures_with_other_names(drop: Drop) -> None:
    cameras = {
        "fl_x": 1,
        "frames": [{"file_path": "./images/b.png"}, {"file_path": "gone.png"}, {"file_path": "a.png"}],
    }
    (jaw,) = sort_out(drop(**{"a.png": None, "b.png": None, "transforms.json": json.dumps(cameras).encode()}))
    assert named(jaw) == {"jaw/view_00.png": "b.png", "jaw/view_01.png": "a.png"}
    kept = json.loads(jaw.contents["jaw/transforms.json"])
    assert kept == {"fl_x": 1, "frames": [{"file_path": "view_00"}, {"file_path": "view_01"}]}


@pytest.mark.parametrize(
    "content", [b"no json", b"[]", b'{"frames": [{}]}', b'{"frames": [{"file_path": "other.png"}]}']
)
def test_cameras_that_name_no_picture_are_refused(drop: Drop, content: bytes) -> None:
    with pytest.raises(UserError, match=r"^transforms.json: no"):
        sort_out(drop(**{"a.png": None, "transforms.json": content}))


def test_each_folder_of_pictures_and_each_scan_is_a_jaw(drop: Drop) -> None:
    files = {
        "all/ben/view_00.png": None,
        "all/cleo/view_00.png": None,
        "all/D.STL": b"x",
        "all/d.json": b"{}",
        "all/texture.png": None,
    }
    jaws = sort_out(drop(**files, **{"__MACOSX/all/._D.STL": b"x", "all/.hidden/view_00.png": None}))
    assert [(jaw.name, jaw.is_scan) for jaw in jaws] == [("D", True), ("ben", False), ("cleo", False)]
    assert named(jaws[0]) == {"jaw.stl": "D.STL", "jaw.json": "d.json"}


def test_what_is_no_picture_is_refused_by_its_header(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^notes.png: no readable PNG.*: a text file"):
        sort_out(drop(**{"a/notes.png": b"words"}))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    with pytest.raises(UserError, match=r"^big.png: .*larger than"):
        sort_out(drop(**{"big.png": picture((10, 10))}))


def test_nothing_of_use_two_of_a_view_and_too_much_are_refused(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no scan"):
        sort_out(drop(**{"notes.txt": b"x"}))
    with pytest.raises(UserError, match="view 1 is there twice"):
        sort_out(drop(**{"view_01.png": None, "view-1.png": None}))
    with pytest.raises(UserError, match=r"^Anna.ply and anna.stl: one scan in two formats"):
        sort_out(drop(**{"anna.stl": b"x", "Anna.ply": b"x", "anna.json": b"{}"}))
    monkeypatch.setattr(uploads, "MOST_JAWS", 1)
    with pytest.raises(UserError, match="2 jaws at once"):
        sort_out(drop(**{"a/view_00.png": None, "b/view_00.png": None}))


def test_an_archive_is_unpacked_under_names_of_ours(drop: Drop, tmp_path: Path) -> None:
    files = drop(**{"jaws.zip": archive(**{"anna/view_00.png": picture(), "anna/read.me": b"x"})})
    (found,) = unpacked(files, tmp_path)
    assert found.name == PurePosixPath("jaws/anna/view_00.png")
    assert found.kept.parent == tmp_path
    assert found.kept.read_bytes() == picture()
    assert not files[0].kept.exists(), "the archive takes no space any more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(**{"../view_00.png": b"x"}), "leads out of"),
        (archive(**{"/etc/view_00.png": b"x"}), "leads out of"),
        (archive(**{"a/..\\..\\view_00.png": b"x"}), "leads out of"),
        (archive(**{"view_00.png": b"\0" * (20 << 20)}), "which is no scan"),
        (archive(**{"notes.txt": b"x"}), "holds no PNG"),
        (b"PK\3\4 rubbish", "damaged or cut off"),
    ],
    ids=["up", "absolute", "backslashes", "bomb", "nothing", "damaged"],
)
def test_a_bad_archive_is_refused_by_its_own_name(drop: Drop, tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=rf"^jaws.zip: .*{message}"):
        unpacked(drop(**{"x/jaws.zip": content}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["0000"]


def test_an_archive_of_too_much_is_refused(drop: Drop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = drop(**{"jaws.zip": archive(**{"view_00.png": picture(), "view_01.png": picture()})})
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    with pytest.raises(UserError, match=r"^jaws.zip: 2 files"):
        unpacked(files, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(uploads, "LARGEST_DROP", 100)
    with pytest.raises(UserError, match=r"^jaws.zip: 2 files"):
        unpacked(files, tmp_path)


def test_names_are_shown_as_one_short_line() -> None:
    assert shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert len(shown("x" * 999)) == 80
