"""A user's folder becomes data/scans, and nothing of it is passed by in silence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from scans.cases.manifest import read_manifest
from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from scans.mesh_files.writers import encode_surface
from scans.synthetic.jaw import make_jaw
from stages import download, prepare
from stages.params.tree import Params, check
from stages.runtime.workspace import PREPARED, SCANS


@pytest.fixture(scope="module")
def jaw() -> Mesh:
    return make_jaw(0, "own", voxel_mm=2.0)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("incoming").mkdir()


def params(on_bad_scan: str = "fail", **directory: object) -> Params:
    values = {
        "download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y", **directory}},
        "prepare": {"points": 64, "on_bad_scan": on_bad_scan, "test_share": 0.0, "validation_share": 0.0},
        "compute": {"workers": 1},
    }
    return check(values, "params.yaml")


def obj(jaw: Mesh, scale: float = 1.0) -> bytes:
    return encode_obj(Mesh(jaw.vertices * scale, jaw.faces, None))


def add(name: str | bytes, data: bytes) -> None:
    path = Path("incoming", os.fsdecode(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def labels_of(jaw: Mesh) -> bytes:
    assert jaw.labels is not None
    return json.dumps({"jaw": "upper", "labels": jaw.labels.tolist()}).encode()


def report() -> dict:
    return json.loads((PREPARED / "cleaning.json").read_text())


def test_folders_and_names_of_any_kind_become_cases(jaw: Mesh) -> None:
    names = ["P001/UpperJawScan.obj", "P002/UpperJawScan.obj", "王伟.obj", "a\nb.obj", b"M\xfcller.obj"]
    for number, name in enumerate(names):
        add(name, obj(jaw, 1 + number / 100))
    download.run(params())
    prepare.run(params())
    cases = read_manifest(SCANS).cases
    assert {case.id.split("~")[0] for case in cases} == {
        "P001__UpperJawScan", "P002__UpperJawScan", "王伟", "a_b", "M_ller",
    }  # fmt: skip
    assert {case.source for case in cases} >= {"P001/UpperJawScan.obj", r"a\nb.obj", r"M\xfcller.obj"}
    assert set(report()["cases"]) == {case.id for case in cases}


def test_what_is_left_out_is_told_and_counted(jaw: Mesh, capsys: pytest.CaptureFixture[str]) -> None:
    add("a.obj", obj(jaw))
    add("a.json", b'{"PatientName": "X"}')
    add("b.ply.gz", b"?")
    add("P1_lower.obj", obj(jaw, 1.1))
    add("._a.obj", b"?")
    Path("incoming/c.stl").symlink_to(".git/annex/objects/c")
    download.run(params())
    prepare.run(params())
    told = capsys.readouterr().err
    for line in (
        "left out, a link to nothing: c.stl",
        "left out, packed (.gz): unpack it: b.ply.gz",
        "left out, a lower jaw by its name: P1_lower.obj",
        'left out, JSON without "labels": no label file as Teeth3DS has them: a.json',
        "left out, hidden, or litter of a system: ._a.obj",
    ):
        assert f"download: incoming: {line}\n" in told
    assert set(report()["left_out"]) == {"._a.obj", "P1_lower.obj", "a.json", "b.ply.gz", "c.stl"}
    assert report()["files_left_out"] == 5


def test_nothing_is_said_where_nothing_is_left_out(jaw: Mesh, capsys: pytest.CaptureFixture[str]) -> None:
    add("a.obj", obj(jaw))
    download.run(params())
    prepare.run(params())
    assert "left out," not in capsys.readouterr().err
    assert "left_out" not in json.loads((SCANS / "cases.json").read_text())
    assert "left_out" not in report()


def test_a_folder_of_lower_jaws_holds_no_scan(jaw: Mesh) -> None:
    add("lower/a.obj", obj(jaw))
    with pytest.raises(UserError, match="incoming: holds no scan"):
        download.run(params())


@pytest.mark.parametrize("folder", ["incoming", "absolute"])
def test_messages_name_the_users_file_and_outputs_no_place(
    jaw: Mesh, tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "incoming") if folder == "absolute" else folder
    add("good.obj", obj(jaw))
    add("sub/bad scan.obj", obj(jaw)[:300])
    add("labelled.obj", obj(jaw, 1.1))
    add("labelled.JSON", b'{"jaw": "upper", "labels": [0, ')
    download.run(params(path=path))
    with pytest.raises(UserError, match="2 of 3 scans can't be used") as caught:
        prepare.run(params(path=path))
    for name in ("sub/bad scan.obj", "labelled.JSON"):
        assert f"  {path}/{name}: " in str(caught.value)
    assert "data/scans" not in str(caught.value)
    prepare.run(params("skip", path=path))
    assert f"  {path}/sub/bad scan.obj: " in capsys.readouterr().err, "each is named"
    refused = "".join(report()["refused"].values())
    assert "sub/bad scan.obj: " in refused
    assert "data/scans" not in refused
    assert str(tmp_path) not in refused + (SCANS / "cases.json").read_text()


def test_labels_beside_an_stl_are_refused(jaw: Mesh) -> None:
    add("a.stl", encode_surface(Mesh(jaw.vertices, jaw.faces, None), "stl", None))
    add("a.json", labels_of(jaw))
    download.run(params())
    with pytest.raises(UserError, match=r"incoming/a\.json: labels go by the order of vertices, and STL has none"):
        prepare.run(params())


def test_labels_in_another_order_are_refused(jaw: Mesh) -> None:
    order = np.random.default_rng(0).permutation(len(jaw.vertices))
    add("a.obj", obj(Mesh(jaw.vertices[order], np.argsort(order)[jaw.faces].astype(np.int32), None)))
    add("a.json", labels_of(jaw))
    download.run(params())
    with pytest.raises(UserError, match=r"incoming/a\.json: the labels change along .* another order of vertices"):
        prepare.run(params())


@pytest.mark.parametrize("path", ["data/scans", "data/scans/mine", "link", ".tenview", "data/views"])
def test_a_folder_that_a_stage_replaces_is_refused_and_loses_nothing(jaw: Mesh, path: str) -> None:
    mine = Path(path, "a.obj") if path != "link" else SCANS / "a.obj"
    mine.parent.mkdir(parents=True, exist_ok=True)
    Path("link").symlink_to(SCANS)
    mine.write_bytes(obj(jaw))
    with pytest.raises(UserError, match=f"^{path}: Tenview deletes what lies there. Keep your scans in another folder"):
        download.run(params(path=path))
    assert mine.exists()


def test_a_folder_that_holds_what_was_downloaded_is_refused(jaw: Mesh) -> None:
    add("a.obj", obj(jaw))
    download.run(params())
    with pytest.raises(
        UserError, match=r"^data: data/scans lies there, which Tenview writes\. Keep your scans in a fo"
    ):
        download.run(params(path="data"))


def test_a_mirrored_scan_is_refused_by_its_labels_whatever_its_axes(jaw: Mesh) -> None:
    mirrored = Mesh(jaw.vertices * [-1, 1, 1], jaw.faces[:, ::-1], None)
    add("a.obj", obj(mirrored))
    add("a.json", labels_of(jaw))
    download.run(params())
    with pytest.raises(UserError, match=r"a\.obj: by the axes that are named for it, the teeth .* lie mirrored"):
        prepare.run(params())


def test_a_lower_jaw_is_refused_by_what_its_label_file_says(jaw: Mesh) -> None:
    add("a.obj", obj(jaw))
    add("a.json", json.dumps({"jaw": "lower", "labels": [0] * len(jaw.vertices)}).encode())
    download.run(params())
    with pytest.raises(UserError, match=r'a\.json: it says "jaw": "lower", but the scan is taken for the upper one'):
        prepare.run(params())
