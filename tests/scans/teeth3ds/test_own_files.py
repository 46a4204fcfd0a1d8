from pathlib import Path

import pytest

from scans.errors import UserError
from scans.teeth3ds.own_files import own_files


def make(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_files_are_sorted_by_what_they_are(tmp_path: Path) -> None:
    make(tmp_path, **{"zips/Data_Part_1.ZIP": "1", "Training_upper.txt": "2", "upper/A1/A1_UPPER.OBJ": "3"})
    make(
        tmp_path,
        **{
            "upper/A1/A1_upper.json": "4",
            "kpt/A1_lower__kpt.json": "5",
            "license.txt": "6",
            "scans.7z": "8",
            "._A1_upper.obj": "7",
        },
    )
    found = own_files(tmp_path)
    assert {name: path.read_text() for name, path in found.archives.items()} == {"data_part_1.zip": "1"}
    assert {name: path.read_text() for name, path in found.splits.items()} == {"training_upper.txt": "2"}
    assert {key: path.read_text() for key, path in found.unpacked.items()} == {
        ("mesh", "A1", "upper"): "3",
        ("labels", "A1", "upper"): "4",
        ("landmarks", "A1", "lower"): "5",
    }
    assert found.left_out == {
        "._A1_upper.obj": "hidden, or litter of a system",
        "license.txt": "no scan",
        "scans.7z": "packed (.7z): unpack it",
    }


def test_the_same_file_twice_is_one_and_another_of_its_name_is_refused(tmp_path: Path) -> None:
    make(tmp_path, **{"a/A1_upper.obj": "same", "b/A1_upper.obj": "same"})
    assert list(own_files(tmp_path).unpacked) == [("mesh", "A1", "upper")]
    make(tmp_path, **{"b/A1_upper.obj": "other"})
    with pytest.raises(UserError, match=r"b/A1_upper\.obj: it is there twice with different content, see .*a/A1_upper"):
        own_files(tmp_path)


@pytest.mark.parametrize("name", ["data_part_1.zip", "testing_upper.txt"])
def test_a_file_of_the_data_set_twice_is_one_or_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, **{f"a/{name}": "same", f"b/{name}": "same"})
    found = own_files(tmp_path)
    assert [*found.archives.values(), *found.splits.values()] == [tmp_path / "a" / name]
    make(tmp_path, **{f"b/{name}": "other"})
    with pytest.raises(UserError, match=rf"b/{name}: it is there twice with different content, see .*a/{name}"):
        own_files(tmp_path)


def test_archives_of_other_names_are_all_taken(tmp_path: Path) -> None:
    make(tmp_path, **{"part1/scans.zip": "1", "part2/scans.zip": "2", "Scans.ZIP": "3"})
    assert [path.read_text() for path in own_files(tmp_path).other_archives] == ["3", "1", "2"]
