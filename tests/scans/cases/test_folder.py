"""Folders as people have them; what is not taken is named with the reason."""

import json
import os
from pathlib import Path

import pytest

from scans.cases.folder import find_scans, labels_beside, named_jaw
from scans.errors import UserError


def make(folder: Path, *names: str | bytes) -> None:
    """Files whose content is their name."""
    for name in names:
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def taken(folder: Path) -> dict[str, str]:
    return {scan.id: str(scan.mesh.relative_to(folder)) for scan in find_scans(folder).scans}


def test_scans_lie_in_any_subfolder(tmp_path: Path) -> None:
    make(tmp_path, "P002/UpperJawScan.stl", "P001/UpperJawScan.stl", "anna.PLY", b"M\xfcller.obj")
    ids = taken(tmp_path)
    assert ids["P001__UpperJawScan"] == "P001/UpperJawScan.stl"
    assert ids["P002__UpperJawScan"] == "P002/UpperJawScan.stl"
    assert ids["anna"] == "anna.PLY"
    assert len(ids) == 4
    assert find_scans(tmp_path).left_out == {}


def test_ids_stay_when_other_files_come(tmp_path: Path) -> None:
    make(tmp_path, "b/x y.stl", "x.stl")
    before = taken(tmp_path)
    make(tmp_path, "a/x.stl", "b/x_y.stl", "b__x.stl", "x y.stl")
    after = taken(tmp_path)
    assert len(after) == 6
    assert before.items() <= after.items()


def test_litter_is_left_out_and_named(tmp_path: Path) -> None:
    make(tmp_path, "anna.stl", "._anna.stl", ".Trash-1000/files/old.stl", ".ipynb_checkpoints/anna-checkpoint.stl")
    make(
        tmp_path, "__MACOSX/._anna.stl", "@eaDir/anna.stl/x.stl", "$RECYCLE.BIN/old.stl", "Thumbs.db", "sub/.hidden.ply"
    )
    found = find_scans(tmp_path)
    assert [scan.id for scan in found.scans] == ["anna"]
    assert set(found.left_out) == {
        *("._anna.stl", ".Trash-1000", ".ipynb_checkpoints", "__MACOSX", "@eaDir"),
        *("$RECYCLE.BIN", "Thumbs.db", "sub/.hidden.ply"),
    }
    assert set(found.left_out.values()) == {"hidden, or litter of a system"}


def test_other_files_are_named_with_the_reason(tmp_path: Path) -> None:
    make(tmp_path, "a.stl", "a.mtl", "b.ply.gz", "c.ZIP", "d.3mf", "e.dcm", "notes.json", "README")
    assert find_scans(tmp_path).left_out == {
        "README": "no scan",
        "a.mtl": "no scan",
        "b.ply.gz": "packed (.gz): unpack it",
        "c.ZIP": "packed (.zip): unpack it",
        "d.3mf": ".3mf is not read here: export it as PLY, STL or OBJ",
        "e.dcm": ".dcm is not read here: export it as PLY, STL or OBJ",
        "notes.json": "labels, or other JSON, without a scan of their name",
    }


def test_links_are_followed_and_count_once(tmp_path: Path) -> None:
    make(tmp_path, "in/P001/a.stl", "in/z.stl", "elsewhere/b.stl", "other.stl")
    folder = tmp_path / "in"
    (folder / "P002").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "P001/up").symlink_to(folder)
    (folder / "latest.stl").symlink_to("z.stl")
    (folder / "o.stl").symlink_to(tmp_path / "other.stl")
    (folder / "gone.stl").symlink_to(".git/annex/objects/x")
    found = find_scans(folder)
    assert [scan.id for scan in found.scans] == ["P001__a", "P002__b", "o", "z"]
    assert found.left_out == {
        "P001/up": "a link to ., which is taken itself",
        "gone.stl": "a link to nothing",
        "latest.stl": "a link to z.stl, which is taken itself",
        "loop": "a link to ., which is taken itself",
    }


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.stl")
    assert find_scans(tmp_path).left_out == {"pipe.stl": "no regular file"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any folder")
def test_a_folder_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a/a.stl", "b/b.stl")
    (tmp_path / "b").chmod(0)
    try:
        found = find_scans(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)
    assert [scan.id for scan in found.scans] == ["a__a"]
    assert found.left_out == {"b": "can't be opened (Permission denied)"}


def test_a_copy_is_no_second_jaw_and_the_one_with_labels_stays(tmp_path: Path) -> None:
    for name in ("a.stl", "a (1).stl", "b.obj", "old/b.obj", "c.stl"):
        make(tmp_path, name)
    (tmp_path / "a (1).stl").write_bytes(b"same")
    (tmp_path / "a.stl").write_bytes(b"same")
    (tmp_path / "b.obj").write_bytes(b"also the same")
    (tmp_path / "old/b.obj").write_bytes(b"also the same")
    (tmp_path / "old/b.json").write_text('{"labels": []}')
    found = find_scans(tmp_path)
    assert [str(scan.mesh.relative_to(tmp_path)) for scan in found.scans] == ["a (1).stl", "c.stl", "old/b.obj"]
    assert found.left_out == {
        "a.stl": "a copy of a (1).stl, byte for byte",
        "b.obj": "a copy of old/b.obj, byte for byte",
    }


def test_one_scan_in_two_formats_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "a.stl", "a.ply")
    with pytest.raises(UserError, match=r"a\.stl and .*a\.ply would both be the case 'a'.*Take one"):
        find_scans(tmp_path)


def test_lower_jaws_are_left_out_by_their_names(tmp_path: Path) -> None:
    make(tmp_path, "P1/P1_upper.stl", "P1/P1_lower.stl", "P2/LowerJawScan.stl", "P2/UpperJawScan.stl")
    make(tmp_path, "lower/P3.stl", "lower/P4_upper.stl", "Schmidt Unterkiefer.stl", "flower.stl")
    found = find_scans(tmp_path)
    assert {scan.mesh.name for scan in found.scans} == {
        "P1_upper.stl",
        "UpperJawScan.stl",
        "P4_upper.stl",
        "flower.stl",
    }
    assert set(found.left_out.values()) == {"a lower jaw by its name"}
    assert len(found.left_out) == 4


@pytest.mark.parametrize(
    ("name", "jaw"),
    [
        ("LowerJawScan", "lower"),
        ("UPPERJAW 2", "upper"),
        ("lowerjawscan", "lower"),
        ("01_mandibular", "lower"),
        ("mâchoire inférieure", "lower"),
        ("患者1下颌扫描", "lower"),
        ("上颌", "upper"),
        ("upper and lower", None),
        ("Blower", None),
        ("Lowery", None),
    ],
)
def test_names_of_jaws(name: str, jaw: str | None) -> None:
    assert named_jaw(name) == jaw


@pytest.mark.parametrize("name", ["scan.json", "SCAN.JSON", "Scan.Json"])
def test_labels_lie_beside_a_scan_whatever_the_case_of_the_letters(tmp_path: Path, name: str) -> None:
    make(tmp_path, "SCAN.OBJ")
    (tmp_path / name).write_text('{"labels": [0]}')
    (scan,) = find_scans(tmp_path).scans
    assert scan.labels == labels_beside(tmp_path / "SCAN.OBJ") == tmp_path / name


def test_of_two_label_files_the_one_of_the_same_letters_is_taken(tmp_path: Path) -> None:
    make(tmp_path, "a.obj")
    for name in ("A.json", "a.JSON", "a.json"):
        (tmp_path / name).write_text('{"labels": [0]}')
    found = find_scans(tmp_path)
    assert found.scans[0].labels == tmp_path / "a.json"
    assert set(found.left_out) == {"A.json", "a.JSON"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_of_another_kind_is_named_and_no_labels(tmp_path: Path, encoding: str) -> None:
    make(tmp_path, "a.obj")
    (tmp_path / "a.json").write_bytes(json.dumps({"PatientName": "X"}).encode(encoding))
    found = find_scans(tmp_path)
    assert found.scans[0].labels is None
    assert found.left_out == {"a.json": 'JSON without "labels": no label file as Teeth3DS has them'}


def test_broken_labels_stay_for_their_reader_to_refuse(tmp_path: Path) -> None:
    make(tmp_path, "a.obj")
    (tmp_path / "a.json").write_text('{"labels": [0, ')
    assert find_scans(tmp_path).scans[0].labels == tmp_path / "a.json"
