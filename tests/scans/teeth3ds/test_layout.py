import json
from pathlib import Path

import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.teeth3ds.layout import labels_path, mesh_path, read_labels, read_split, split_path, write_case, write_splits


def test_a_case_comes_back(tmp_path: Path, tetrahedron: Mesh) -> None:
    write_case(tmp_path, "AB12CD34", "upper", tetrahedron)
    folder = tmp_path / "upper" / "AB12CD34"
    assert sorted(path.name for path in folder.iterdir()) == ["AB12CD34_upper.json", "AB12CD34_upper.obj"]
    assert json.loads((folder / "AB12CD34_upper.json").read_text()) == {
        "id_patient": "AB12CD34",
        "jaw": "upper",
        "labels": [11, 21, 0, 0],
        "instances": [1, 2, 0, 0],
    }
    mesh = read_mesh(mesh_path(tmp_path, "AB12CD34", "upper"))
    np.testing.assert_array_equal(mesh.vertices, tetrahedron.vertices)
    np.testing.assert_array_equal(mesh.faces, tetrahedron.faces)
    jaw, labels = read_labels(labels_path(tmp_path, "AB12CD34", "upper"), 4)
    assert jaw == "upper"
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, tetrahedron.labels)


def test_the_same_mesh_gives_the_same_bytes(tmp_path: Path, tetrahedron: Mesh) -> None:
    for root in ("a", "b"):
        write_case(tmp_path / root, "X", "upper", tetrahedron)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_without_labels_no_old_ones_stay(tmp_path: Path, tetrahedron: Mesh) -> None:
    write_case(tmp_path, "X", "upper", tetrahedron)
    write_case(tmp_path, "X", "upper", Mesh(tetrahedron.vertices, tetrahedron.faces))
    assert not labels_path(tmp_path, "X", "upper").exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path, tetrahedron: Mesh) -> None:
    with pytest.raises(ValueError, match="finite"):
        write_case(tmp_path, "X", "upper", Mesh(tetrahedron.vertices * np.nan, tetrahedron.faces))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("case_id", ["", "../up", "a/b", "a_b", ".hidden", "a b"])
def test_ids_that_are_no_folder_names(tmp_path: Path, case_id: str, tetrahedron: Mesh) -> None:
    with pytest.raises(ScanError, match="letters, digits and hyphens"):
        write_case(tmp_path, case_id, "upper", tetrahedron)


def test_labels_of_the_other_jaw_are_not_written(tmp_path: Path, tetrahedron: Mesh) -> None:
    with pytest.raises(ScanError, match=r"2 of 4 labels \(11, 21\) are no teeth of the lower jaw"):
        write_case(tmp_path, "X", "lower", tetrahedron)


GOOD = {"id_patient": "", "jaw": "upper", "labels": [0, 11, 28]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no readable JSON"),
        ("[" * 100_000, "no readable JSON"),
        (b"\xff\xfe\x00", "no readable JSON"),
        ([1, 2], 'an object with "jaw"'),
        (GOOD | {"jaw": "middle"}, "found 'middle'"),
        (GOOD | {"jaw": ["upper"]}, '"jaw" must be'),
        (GOOD | {"jaw": "lower"}, 'named for one jaw and says "jaw": "lower"'),
        (GOOD | {"labels": None}, "list of whole numbers"),
        (GOOD | {"labels": [0, "11", 28]}, "list of whole numbers"),
        (GOOD | {"labels": [0, True, 28]}, "list of whole numbers"),
        (GOOD | {"labels": [0, [11], 28]}, "list of whole numbers"),
        (GOOD | {"labels": [0, 11.5, 28]}, "list of whole numbers"),
        (GOOD | {"labels": [0, 11]}, "2 labels for 3 vertices"),
        (GOOD | {"labels": [0, 11, 19]}, r"1 of 3 labels are no FDI numbers \(19\)"),
        (GOOD | {"labels": [0, 11, 10**30]}, "no FDI number"),
        (GOOD | {"labels": [0, 31, 41]}, r"2 of 3 labels \(31, 41\) are no teeth of the upper jaw"),
    ],
)
def test_broken_labels(tmp_path: Path, content: object, reason: str) -> None:
    path = tmp_path / "X_upper.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ScanError, match=reason) as caught:
        read_labels(path, 3)
    assert str(caught.value).startswith(str(path))


def test_labels_of_a_lower_jaw(tmp_path: Path) -> None:
    path = tmp_path / "X_lower.json"
    path.write_text(json.dumps({"jaw": "lower", "labels": [48, 0]}))
    jaw, labels = read_labels(path, 2)
    assert (jaw, labels.tolist()) == ("lower", [48, 0])


@pytest.mark.parametrize(
    ("content", "jaw"),
    [
        ({"jaw": "upper", "labels": [0.0, 11.0, 28.0]}, "upper"),
        ({"jaw": "Upper", "labels": [0, 11, 28]}, "upper"),
        ({"labels": [0, 11, 28]}, "upper"),
        ({"labels": [0, 31, 48]}, "lower"),
    ],
    ids=["floats", "capitals", "no jaw, upper", "no jaw, lower"],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_labels_as_other_programs_write_them(tmp_path: Path, content: dict, jaw: str, encoding: str) -> None:
    path = tmp_path / "X.json"
    path.write_bytes(json.dumps(content).encode(encoding))
    found, labels = read_labels(path, 3)
    assert found == jaw
    assert labels.tolist() == content["labels"]


def test_labels_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="No such file"):
        read_labels(tmp_path / "X_upper.json", 3)


def test_splits(tmp_path: Path) -> None:
    path = tmp_path / "training_upper.txt"
    path.write_bytes(b"01328DDN_upper\r\n\r\nameziani_lower\n  patient1_upper\n01328DDN_upper\n\n")
    assert read_split(path) == [("01328DDN", "upper"), ("ameziani", "lower"), ("patient1", "upper")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"A_upper\nB\n", "line 2 must read <ID>_upper or <ID>_lower, found 'B'"),
        (b"../../etc_upper\n", "line 1 must read"),
        (b"\n\n", "names no case"),
        (b"<html>\n", "line 1 must read"),
        (b"\xff\xff\n", "is no text"),
    ],
)
def test_broken_splits(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "training_upper.txt"
    path.write_bytes(content)
    with pytest.raises(ScanError, match=reason):
        read_split(path)


def test_written_splits_come_back(tmp_path: Path) -> None:
    write_splits(tmp_path, "upper", {"B": "test", "C": "train", "A": "train"})
    assert split_path(tmp_path, "train", "upper") == tmp_path / "Teeth3DS_train_test_split" / "training_upper.txt"
    assert split_path(tmp_path, "test", "upper").read_bytes() == b"B_upper\n"
    assert read_split(split_path(tmp_path, "train", "upper")) == [("A", "upper"), ("C", "upper")]
