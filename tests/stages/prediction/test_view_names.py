from pathlib import Path

import pytest

from scans.errors import UserError
from stages.prediction.view_names import PictureNames, frames_of_views, names_in, view_number


@pytest.mark.parametrize(
    "name",
    ["view_03.png", "view_3.PNG", "VIEW-03.Jpg", "view 3.bmp", "view003.tiff", "view_03.png.png", "view_03.jpg.PNG"],
)
def test_names_of_a_view(name: str) -> None:
    assert view_number(name) == 3


@pytest.mark.parametrize(
    "name", ["._view_03.png", "view_03 (1).png", "viev_03.png", "view.png", "view_3a.png", "frame_00003.png", "3.png"]
)
def test_names_of_none(name: str) -> None:
    assert view_number(name) is None


def folder_of(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def named(first: int, count: int = 4, suffix: str = ".png") -> list[str]:
    return [f"view_{number:02d}{suffix}" for number in range(first, first + count)]


def test_pictures_by_view_and_what_is_left_out(tmp_path: Path) -> None:
    names = names_in(folder_of(tmp_path, *named(0), "._view_01.png", "Thumbs.db"), 4, "transforms.json")
    assert {number: path.name for number, path in names.pictures.items()} == dict(enumerate(named(0)))
    assert names.warnings == ["left out, no picture of a view: ._view_01.png, Thumbs.db"]
    assert (names.offset, names.unread, names.cameras) == (0, [], None)


def test_the_file_of_the_cameras_is_found_whatever_the_case_of_the_letters(tmp_path: Path) -> None:
    names = names_in(folder_of(tmp_path, *named(0), "Transforms.JSON"), 4, "transforms.json")
    assert names.cameras == tmp_path / "Transforms.JSON"
    assert names.warnings == []


def test_pictures_numbered_from_one_are_taken_so_and_a_line_says_it(tmp_path: Path) -> None:
    names = names_in(folder_of(tmp_path, *named(1)), 4, "transforms.json")
    assert {number: path.name for number, path in names.pictures.items()} == dict(enumerate(named(1)))
    assert names.offset == 1
    assert names.warnings == ["the pictures are numbered from 1: view_01.png is taken as view 0, and so on"]


def test_some_of_those_numbered_from_one_are_no_guess(tmp_path: Path) -> None:
    folder_of(tmp_path, *named(2, 3))
    with pytest.raises(UserError, match=r"view_04\.png: the model knows the views 0 to 3\..*numbered from 1"):
        names_in(tmp_path, 4, "transforms.json")


def test_a_view_that_is_there_twice_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, *named(0), "view_2.jpg")
    with pytest.raises(UserError, match=r"view_2\.jpg: view 2 is there twice, see view_02\.png"):
        names_in(tmp_path, 4, "transforms.json")


def test_a_view_in_a_format_that_is_not_read_is_called_what_it_is(tmp_path: Path) -> None:
    folder_of(tmp_path, *named(0, 3), "view_03.cr2")
    (tmp_path / "view_01.heic").write_bytes(b"\0\0\0\x18ftypheic")
    names = names_in(tmp_path, 4, "transforms.json")
    assert [(path.name, what) for path, what in names.unread] == [
        ("view_01.heic", "a HEIC picture"),
        ("view_03.cr2", "a .cr2 file"),
    ]
    assert names.warnings == ["left out, no picture of a view: view_01.heic, view_03.cr2"]


CAMERAS = Path("jaw/transforms.json")


@pytest.fixture
def names() -> PictureNames:
    return PictureNames(pictures={number: Path("jaw", name) for number, name in enumerate(named(0))})


@pytest.mark.parametrize(
    "form",
    ["view_{:02d}.png", "./images/view_{}.jpg", "images\\View_{:02d}.PNG", "C:\\a\\view_{:02d}.png.png", "view_{}"],
)
def test_frames_are_found_by_their_names(names: PictureNames, form: str) -> None:
    warnings: list[str] = []
    paths = [form.format(number) for number in (2, 0, 3, 1)]
    assert frames_of_views(CAMERAS, paths, names, 4, warnings) == {2: 0, 0: 1, 3: 2, 1: 3}
    assert warnings == []


def test_a_misspelt_frame_leaves_a_picture_without(names: PictureNames) -> None:
    paths = ["view_02.png", "view_00.png", "viev_03.png", "view_01.png"]
    with pytest.raises(
        UserError, match=r"transforms\.json: no frame for view_03\.png; viev_03\.png would be of no picture"
    ):
        frames_of_views(CAMERAS, paths, names, 4, [])


def test_frames_of_other_names_are_no_order(names: PictureNames) -> None:
    paths = [f"images/frame_{number:05d}.png" for number in range(1, 5)]
    with pytest.raises(UserError, match=r"no frame for view_00\.png; images/frame_00001\.png, .*Call the pictures"):
        frames_of_views(CAMERAS, paths, names, 4, [])


def test_a_stray_frame_is_left_out_and_named(names: PictureNames) -> None:
    warnings: list[str] = []
    paths = ["view_02.png", "img_99.png", "view_00.png", "view_03.png", "view_01.png", "view_12.png"]
    assert frames_of_views(CAMERAS, paths, names, 4, warnings) == {2: 0, 0: 2, 3: 3, 1: 4}
    assert warnings == ["transforms.json: left out, frames of no view: img_99.png, view_12.png"]


def test_two_frames_of_a_view_are_refused(names: PictureNames) -> None:
    with pytest.raises(UserError, match="frames 0 and 1 are both of view 2"):
        frames_of_views(CAMERAS, ["view_02.png", "view_2.jpg", "view_00.png"], names, 4, [])


def test_frames_without_names_go_in_order_and_a_line_says_so(names: PictureNames) -> None:
    warnings: list[str] = []
    assert frames_of_views(CAMERAS, [None] * 4, names, 4, warnings) == {0: 0, 1: 1, 2: 2, 3: 3}
    assert warnings == ["transforms.json: no frame has a file_path; they are taken as views 0 to 3 in order"]
    with pytest.raises(UserError, match="3 frames without file_path for 4 views"):
        frames_of_views(CAMERAS, [None] * 3, names, 4, [])


def test_frames_are_numbered_as_the_pictures_are() -> None:
    pictures = {number: Path("jaw", name) for number, name in enumerate(named(1))}
    names = PictureNames(pictures=pictures, offset=1)
    assert frames_of_views(CAMERAS, named(1), names, 4, []) == {0: 0, 1: 1, 2: 2, 3: 3}
