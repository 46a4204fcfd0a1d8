"""A data set like Teeth3DS, but tiny, from a real server on loopback or a user's folder, into data/scans and on."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scans.cases.manifest import read_manifest
from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.prepared import read_prepared
from scans.synthetic.jaw import make_jaw
from scans.teeth3ds import published as teeth3ds_files
from scans.teeth3ds.published import PublishedFile
from stages import download, prepare
from stages.params.tree import Params, check
from stages.runtime.workspace import HIDDEN, SCANS
from stages.sources import teeth3ds

PARTS = (PublishedFile("data_part_1.zip", "part1", 20_000), PublishedFile("data_part_2.zip", "part2", 20_000))
SPLIT_FILES = {
    "training_upper.txt": "AAAA1111_upper\nameziani_upper\n",
    "testing_upper.txt": "patient1_upper\n",
    "training_lower.txt": "patient1_lower\nONLYLOW1_lower\n",
    "testing_lower.txt": "AAAA1111_lower\r\n",
}


@pytest.fixture(scope="module")
def jaw() -> Mesh:
    return make_jaw(0, "own", voxel_mm=1.6)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (teeth3ds, teeth3ds_files):
        monkeypatch.setattr(module, "SCANS", PARTS)


def quirky(mesh: Mesh) -> bytes:
    """The mesh as a trimesh export with a stray first line, colours and normals."""
    lines = ["# https://github.com/mikedh/trimesh"]
    lines += [f"v {x:.8f} {y:.8f} {z:.8f} 0.50196081 0.50196081 0.50196081" for x, y, z in mesh.vertices - [0, 0, 90]]
    lines += ["vn 0 0 1", "", "s off"]
    corners = ("{}", "{}//1", "{0}/1/1")
    lines += ["f " + " ".join(corners[n % 3].format(i + 1) for i in face) for n, face in enumerate(mesh.faces)]
    return "\n".join(lines).encode()


def labels_of(mesh: Mesh, jaw: str) -> bytes:
    labels = mesh.labels if jaw == "upper" else np.where(mesh.labels, 50 - mesh.labels // 10 * 10 + mesh.labels % 10, 0)
    return json.dumps({"id_patient": "", "jaw": jaw, "labels": labels.tolist(), "instances": []}).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, data in files.items():
            zip_file.writestr(name, data)
    return buffer.getvalue()


def case(patient: str, jaw: str, mesh: Mesh, labels: bool = True) -> dict[str, bytes]:
    obj = {f"{jaw}/{patient}/{patient}_{jaw}.obj": quirky(mesh)}
    return obj | ({f"{jaw}/{patient}/{patient}_{jaw}.json": labels_of(mesh, jaw)} if labels else {})


@pytest.fixture(scope="module")
def published(jaw: Mesh) -> dict[str, bytes]:
    """The data set's files by name: four uppers, one of them without labels, and three lowers, one without upper."""
    first = case("AAAA1111", "upper", jaw) | case("AAAA1111", "lower", jaw) | case("ONLYLOW1", "lower", jaw)
    second = case("ameziani", "upper", jaw) | case("patient1", "upper", jaw) | case("patient1", "lower", jaw)
    junk = {"__MACOSX/upper/AAAA1111/._AAAA1111_upper.obj": b"junk", "license.txt": b"CC"}
    landmarks = {
        f"{jaw_name}/{patient}/{patient}_{jaw_name}__kpt.json": b'{"objects": []}'
        for patient, jaw_name in (("AAAA1111", "upper"), ("AAAA1111", "lower"), ("UNKNOWN1", "upper"))
    }
    return {
        "data_part_1.zip": zipped(first | junk),
        "data_part_2.zip": zipped(second | case("NOLABELS", "upper", jaw, labels=False)),
        "3DTeethLand_landmarks_train.zip": zipped(landmarks),
        "3DTeethLand_landmarks_test.zip": zipped({"readme.txt": b""}),
        "teeth3ds_sample.zip": zipped({f"sample/{Path(name).name}": data for name, data in first.items()}),
        **{name: text.encode() for name, text in SPLIT_FILES.items()},
    }


FILES = (*PARTS, *teeth3ds_files.SAMPLE, *teeth3ds_files.LANDMARKS, *teeth3ds_files.SPLITS)


@pytest.fixture
def server(file_server: Any, published: dict[str, bytes]) -> Any:
    for file in FILES:
        file_server.files[f"/{file.id}/"] = published[file.name]
    return file_server


def params(server: Any, source: str = "teeth3ds", **changes: object) -> Params:
    url = f"{server.url}/{{id}}/" if server else "http://127.0.0.1:9/{id}/"
    values = {
        "download": {"source": source, "teeth3ds": {"url": url, **changes}},
        "prepare": {"points": 64, "validation_share": 0.0},
        "compute": {"workers": 1},
    }
    return check(values, "params.yaml")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


UPPERS = ["AAAA1111_upper", "NOLABELS_upper", "ameziani_upper", "patient1_upper"]


def test_uppers_alone_are_kept_by_default(server: Any, jaw: Mesh) -> None:
    download.run(params(server))
    manifest = read_manifest(SCANS)
    assert [case.id for case in manifest.cases] == UPPERS
    assert {case.id: case.split for case in manifest.cases} == {
        "AAAA1111_upper": "train",
        "ameziani_upper": "train",
        "patient1_upper": "test",
        "NOLABELS_upper": "test",
    }
    assert [case.labels is None for case in manifest.cases] == [False, True, False, False]
    assert files(SCANS) == {
        *(f"upper/{name[:8]}/{name}.{suffix}" for name in UPPERS for suffix in ("obj", "json")),
        "Teeth3DS_train_test_split/training_upper.txt",
        "Teeth3DS_train_test_split/testing_upper.txt",
        "cases.json",
    } - {"upper/NOLABELS/NOLABELS_upper.json"}
    assert (SCANS / manifest.cases[0].mesh).read_bytes() == quirky(jaw)
    assert manifest.license == "cc-by-nc-nd-4.0"
    assert "CC BY-NC-ND 4.0" in manifest.origin
    assert "never to be redistributed" in manifest.origin
    assert not list(HIDDEN.rglob("*.zip")), "archives are not kept once data/scans stands"


def test_quirky_scans_are_prepared(server: Any, jaw: Mesh) -> None:
    download.run(params(server))
    prepare.run(params(server))
    cases = [row for split in SPLITS for path in shard_paths(prepare.PREPARED, split) for row in read_prepared(path)]
    assert sorted(row.id for row in cases) == UPPERS
    labelled = next(row for row in cases if row.id == "ameziani_upper")
    bare = next(row for row in cases if row.id == "NOLABELS_upper")
    assert set(np.unique(labelled.labels)) <= set(np.unique(jaw.labels))
    assert len(np.unique(labelled.labels)) > 4
    assert bare.mesh.labels is None
    mesh = read_mesh(SCANS / "upper/NOLABELS/NOLABELS_upper.obj")
    np.testing.assert_allclose(mesh.vertices, jaw.vertices - [0, 0, 90], atol=1e-7)
    np.testing.assert_array_equal(mesh.faces, jaw.faces)
    assert "license: cc-by-nc-nd-4.0" in (prepare.PREPARED / "README.md").read_text()


def test_a_patients_jaws_share_the_uppers_split(server: Any) -> None:
    download.run(params(server, jaws="both"))
    cases = read_manifest(SCANS).cases
    assert {case.id: (case.jaw, case.split) for case in cases} == {
        "AAAA1111_upper": ("upper", "train"),
        "AAAA1111_lower": ("lower", "train"),  # in testing_lower
        "NOLABELS_upper": ("upper", "test"),
        "ONLYLOW1_lower": ("lower", "train"),
        "ameziani_upper": ("upper", "train"),
        "patient1_upper": ("upper", "test"),
        "patient1_lower": ("lower", "test"),  # in training_lower
    }
    settings = params(server, jaws="both")
    prepare.run(settings)
    found = {
        row.id: split
        for split in SPLITS
        for path in shard_paths(prepare.PREPARED, split)
        for row in read_prepared(path)
    }
    assert found == {case.id: case.split for case in cases}
    card = (prepare.PREPARED / "README.md").read_text()
    assert "# Prepared lower and upper jaws" in card
    assert "the patient's right (FDI 4x) at -x and (FDI 1x) at +x," in card


def test_lowers_alone_keep_their_own_splits(server: Any) -> None:
    download.run(params(server, jaws="lower"))
    assert {case.id: case.split for case in read_manifest(SCANS).cases} == {
        "AAAA1111_lower": "test",
        "ONLYLOW1_lower": "train",
        "patient1_lower": "train",
    }
    assert not (SCANS / "upper").exists()


def test_landmarks_come_when_asked_for(server: Any) -> None:
    download.run(params(server, landmarks=True))
    listed = {case.id: case.landmarks for case in read_manifest(SCANS).cases}
    assert listed.pop("AAAA1111_upper") == "upper/AAAA1111/AAAA1111_upper__kpt.json"
    assert set(listed.values()) == {None}
    assert {name for name in files(SCANS) if "kpt" in name} == {"upper/AAAA1111/AAAA1111_upper__kpt.json"}


def test_the_sample_has_no_splits_of_its_own(server: Any) -> None:
    download.run(params(server, "teeth3ds-sample"))
    (case,) = read_manifest(SCANS).cases
    assert (case.id, case.split) == ("AAAA1111_upper", None)
    assert {path for path, _, _ in server.asked} == {"/vr38s/"}


def test_archives_in_a_folder_are_taken_from_there(tmp_path: Path, published: dict[str, bytes]) -> None:
    mine = tmp_path / "mine" / "Teeth3DS_train_test_split"
    mine.mkdir(parents=True)
    for name, data in published.items():
        (mine if name.endswith(".txt") else mine.parent).joinpath(name).write_bytes(data)
    before = {path: path.stat().st_mtime_ns for path in mine.parent.rglob("*")}
    download.run(params(None, archives="mine"))
    assert [case.id for case in read_manifest(SCANS).cases] == UPPERS
    assert {path: path.stat().st_mtime_ns for path in mine.parent.rglob("*")} == before
    assert not list(HIDDEN.rglob("*.zip"))
    assert set(json.loads(Path("teeth3ds.lock.json").read_text())) >= {"data_part_1.zip", "training_upper.txt"}


def test_what_the_folder_lacks_is_downloaded(server: Any, tmp_path: Path, published: dict[str, bytes]) -> None:
    (tmp_path / "mine").mkdir()
    split_files = {f"Teeth3DS_train_test_split/{name}": text.encode() for name, text in SPLIT_FILES.items()}
    with zipfile.ZipFile(io.BytesIO(published["data_part_1.zip"])) as zip_file:
        old = {name: zip_file.read(name) for name in zip_file.namelist()}
    (tmp_path / "mine" / "data_part_1.zip").write_bytes(zipped(old | split_files))
    download.run(params(server, archives="mine"))
    assert [path for path, _, _ in server.asked] == ["/part2/"], "the split files are in the archive"
    assert read_manifest(SCANS).cases[0].split == "train"


def unzipped(data: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as zip_file:
        zip_file.extractall(folder)


def test_unpacked_scans_are_taken_as_zips_are(
    tmp_path: Path, published: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in published.items():
        if name.startswith("data_part"):
            unzipped(data, tmp_path / "mine" / name.removesuffix(".zip"))
    for name, text in SPLIT_FILES.items():
        (tmp_path / "mine" / name).write_text(text)
    download.run(params(None, archives="mine"))
    told = capsys.readouterr().err
    assert "not downloaded: data_part_1.zip, data_part_2.zip" in told
    assert "left out, no scan: data_part_1/license.txt" in told
    unpacked = read_manifest(SCANS)
    assert unpacked.cases[0].source == "data_part_1/upper/AAAA1111/AAAA1111_upper.obj"
    assert unpacked.left_out == {
        "data_part_1/__MACOSX": "hidden, or litter of a system",
        "data_part_1/license.txt": "no scan",
    }
    shutil.move(SCANS, "unpacked")
    for name, data in published.items():
        (tmp_path / "mine2").mkdir(exist_ok=True)
        (tmp_path / "mine2" / name).write_bytes(data)
    download.run(params(None, archives="mine2"))
    assert files(SCANS) == files(Path("unpacked"))
    for name in files(SCANS) - {"cases.json"}:
        assert (SCANS / name).read_bytes() == Path("unpacked", name).read_bytes()


def test_unpacked_scans_beside_zips_are_one_data_set(tmp_path: Path, published: dict[str, bytes], jaw: Mesh) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "Data_Part_1.ZIP").write_bytes(published["data_part_1.zip"])
    unzipped(published["data_part_2.zip"], mine)
    for name, text in SPLIT_FILES.items():
        (mine / name).write_text(text)
    download.run(params(None, archives="mine"))
    assert [case.id for case in read_manifest(SCANS).cases] == UPPERS
    other = mine / "upper/AAAA1111/AAAA1111_upper.obj"
    other.parent.mkdir(parents=True)
    other.write_bytes(quirky(jaw) + b"\n")
    with pytest.raises(UserError, match=r"AAAA1111_upper\.obj: it is there twice .* in mine/Data_Part_1\.ZIP"):
        download.run(params(None, archives="mine"))


def test_archives_of_other_names_are_taken_for_what_they_hold(tmp_path: Path, jaw: Mesh) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    scan = case("AAAA1111", "upper", jaw)
    capitals = {name.replace(".obj", ".OBJ").replace("_upper", "_Upper"): data for name, data in scan.items()}
    (mine / "Teeth3DS (1).zip").write_bytes(zipped(capitals))
    (mine / "photos.zip").write_bytes(zipped({"a.txt": b"a"}))
    download.run(params(None, "teeth3ds-sample", archives="mine"))
    manifest = read_manifest(SCANS)
    assert [(case.id, case.labels is None) for case in manifest.cases] == [("AAAA1111_upper", False)]
    assert manifest.left_out == {"photos.zip": "holds nothing of the data set"}


def test_label_files_of_a_folder_replace_the_archives(
    server: Any, tmp_path: Path, jaw: Mesh, capsys: pytest.CaptureFixture[str]
) -> None:
    revised = replace(jaw, labels=np.where(jaw.labels == 11, 21, jaw.labels))
    folder = tmp_path / "revised/upper"
    folder.mkdir(parents=True)
    for patient in ("AAAA1111", "NOLABELS", "UNKNOWN1"):
        (folder / f"{patient}_upper.json").write_bytes(labels_of(revised, "upper"))
    download.run(params(server, labels="revised"))
    assert "the labels of 2 scans are those of revised" in capsys.readouterr().err
    manifest = read_manifest(SCANS)
    assert [case.id for case in manifest.cases if case.labels is None] == []
    kept = {case.id: (SCANS / str(case.labels)).read_bytes() == labels_of(revised, "upper") for case in manifest.cases}
    assert kept == {"AAAA1111_upper": True, "NOLABELS_upper": True, "ameziani_upper": False, "patient1_upper": False}
    assert manifest.left_out == {"upper/UNKNOWN1_upper.json": "of no scan here"}
    for empty in ("nowhere", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=f"{empty}: (no such folder|holds no label file)"):
            download.run(params(server, labels=empty))


def test_landmarks_without_a_scan_are_named(server: Any) -> None:
    download.run(params(server, landmarks=True))
    name = "3DTeethLand_landmarks_train.zip: upper/UNKNOWN1/UNKNOWN1_upper__kpt.json"
    assert read_manifest(SCANS).left_out == {name: "of no scan here"}


def test_the_links_are_said_to_be_gone_before_anyone_waits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(teeth3ds, "SCANS", (replace(PARTS[0], size=10**16), PARTS[1]))
    with pytest.raises(UserError, match="are free there"):
        download.run(check({"download": {"source": "teeth3ds"}}, "params.yaml"))
    assert "reported to answer 410 (gone) since June 2026. docs/data.md tells" in capsys.readouterr().err


def test_missing_split_files_say_how_to_go_on(server: Any, fault: Any) -> None:
    server.faults["/zs5cg/"] = [fault(status=410)]
    with pytest.raises(UserError, match=r"410 .*training_upper\.txt.*take the unpacked scans by download\.source"):
        download.run(params(server))


def test_a_wrong_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'nowhere: no such folder\. Set download\.teeth3ds\.archives .* to "" to'):
        download.run(params(None, archives="nowhere"))
    (tmp_path / ".tenview" / "downloads").mkdir(parents=True)
    with pytest.raises(UserError, match="Tenview deletes what lies there"):
        download.run(params(None, archives=".tenview/downloads"))
    SCANS.mkdir(parents=True)
    (SCANS / "notes.txt").touch()
    for folder in ("archives", "labels"):
        with pytest.raises(
            UserError, match=f"data/scans: Tenview deletes what lies there. Keep your {folder} in another"
        ):
            download.run(params(None, **{folder: "data/scans"}))
    assert (SCANS / "notes.txt").exists()


def test_a_server_that_has_gone_says_what_to_do_by_hand(server: Any, fault: Any) -> None:
    server.faults["/part2/"] = [fault(status=410)]
    with pytest.raises(UserError, match=r"part2/: .* 410 .*By hand: get data_part_1\.zip, data_part_2\.zip from .*osf"):
        download.run(params(server))
    assert not SCANS.exists()


def test_learned_checksums_are_enforced(server: Any, published: dict[str, bytes]) -> None:
    download.run(params(server))
    locked = Path("teeth3ds.lock.json").read_text()
    assert json.loads(locked)["data_part_2.zip"]["bytes"] == len(published["data_part_2.zip"])
    before = files(SCANS)
    data = bytearray(published["data_part_2.zip"])
    data[-1] ^= 1
    for changed, reason in ((bytes(data), "wrong checksum"), (bytes(data[:-1]), "bytes there, not the")):
        server.files["/part2/"] = changed
        with pytest.raises(UserError, match=reason):
            download.run(params(server))
    assert files(SCANS) == before, "the last good scans stay"
    assert Path("teeth3ds.lock.json").read_text() == locked
    server.files["/part2/"] = published["data_part_2.zip"]
    download.run(params(server))


def test_published_checksums_are_enforced(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teeth3ds, "SCANS", (replace(PARTS[0], md5="0" * 32), PARTS[1]))
    with pytest.raises(UserError, match=r"its md5 is .*, that of data_part_1\.zip is 0000"):
        download.run(params(server))


def test_a_bad_archive_is_not_learned_and_fetched_anew(server: Any, published: dict[str, bytes]) -> None:
    server.files["/part2/"] = published["data_part_2.zip"][:-100]
    with pytest.raises(UserError, match=r"data_part_2\.zip: .*damaged or cut off.*It is deleted here"):
        download.run(params(server))
    assert not Path("teeth3ds.lock.json").exists()
    server.files["/part2/"] = published["data_part_2.zip"]
    server.asked.clear()
    download.run(params(server))
    assert "/part2/" in [path for path, _, _ in server.asked]
    assert "/part1/" not in [path for path, _, _ in server.asked], "the good one is still there"


def test_a_bad_archive_of_the_users_own_stays(server: Any, tmp_path: Path, published: dict[str, bytes]) -> None:
    mine = tmp_path / "mine" / "data_part_1.zip"
    mine.parent.mkdir()
    mine.write_bytes(published["data_part_1.zip"][:-100])
    with pytest.raises(UserError, match=r"mine/data_part_1\.zip: .*damaged or cut off"):
        download.run(params(server, archives="mine"))
    assert mine.exists()


def test_the_same_scan_twice_is_one_and_another_of_its_name_is_refused(server: Any, jaw: Mesh) -> None:
    again = case("AAAA1111", "upper", jaw)
    server.files["/part2/"] = zipped(again)
    download.run(params(server))
    assert [case.id for case in read_manifest(SCANS).cases] == ["AAAA1111_upper"]
    Path("teeth3ds.lock.json").unlink()
    server.files["/part2/"] = zipped({name: data + b"\n" for name, data in again.items()})
    with pytest.raises(UserError, match=r"AAAA1111_upper\.\w+ is there twice with different content.*data_part_1\.zip"):
        download.run(params(server))


def test_names_in_archives_decide_no_path(server: Any, jaw: Mesh, tmp_path: Path) -> None:
    server.files["/part2/"] = zipped({"../../../AAAA9999_upper.obj": quirky(jaw)})
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(UserError, match="leads out of the archive's folder"):
        download.run(params(server))
    assert set(tmp_path.parent.iterdir()) == before
    assert not SCANS.exists()


def test_no_scan_of_the_jaw_is_an_error(server: Any, jaw: Mesh) -> None:
    for part in PARTS:
        server.files[f"/{part.id}/"] = zipped(case("ONLYLOW1", "lower", jaw))
    with pytest.raises(UserError, match=r"data_part_2\.zip: no scan with jaw upper is in there"):
        download.run(params(server))


def test_a_case_in_both_split_files_is_an_error(server: Any) -> None:
    server.files["/c8g6u/"] = b"AAAA1111_upper\n"
    with pytest.raises(UserError, match=r"testing_upper\.txt: AAAA1111_upper is in the other split file too"):
        download.run(params(server))


def test_a_split_file_that_is_none_is_fetched_anew(server: Any) -> None:
    server.files["/zs5cg/"] = b"Service unavailable"
    with pytest.raises(UserError, match=r"training_upper\.txt: line 1 must read .*It is deleted here"):
        download.run(params(server))
    server.files["/zs5cg/"] = SPLIT_FILES["training_upper.txt"].encode()
    download.run(params(server))


def test_a_data_set_that_can_not_fit_is_not_begun(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teeth3ds, "SCANS", (replace(PARTS[0], size=10**16), PARTS[1]))
    with pytest.raises(UserError, match=r"Teeth3DS with what is unpacked of it takes 2759\d+\.\d+ GB, and .* are free"):
        download.run(params(server))
    assert server.asked == []


TENVIEW = """
from scans.teeth3ds.published import PublishedFile
from stages.sources import teeth3ds
teeth3ds.SCANS = (PublishedFile("data_part_1.zip", "part1", 20_000), PublishedFile("data_part_2.zip", "part2", 20_000))
from stages.cli import main
main()
"""


def tenview(settings: Params, project: Path) -> subprocess.Popen[str]:
    """`tenview download` as a process of its own, which knows two parts in place of seven."""
    Path("params.yaml").write_text(settings.model_dump_json())  # JSON is YAML
    return subprocess.Popen(
        [sys.executable, "-c", TENVIEW, "download"],
        env={**os.environ, "PYTHONPATH": str(project)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_download_goes_on(server: Any, fault: Any, project: Path) -> None:
    server.faults["/part1/"] = [fault(stall=5000)]
    process = tenview(params(server), project)
    part = Path(".tenview/downloads/data_part_1.zip.part")
    other = Path(".tenview/downloads/data_part_2.zip")
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size == 5000 and other.exists()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not SCANS.exists()
    server.asked.clear()
    process = tenview(params(server), project)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 0, errors
    asked = {path: headers.get("Range") for path, headers, _ in server.asked}
    assert asked["/part1/"] == "bytes=5000-"
    assert "/part2/" not in asked
    assert [case.id for case in read_manifest(SCANS).cases] == UPPERS
    assert not list(HIDDEN.rglob("*.zip*"))
    shutil.move("data/scans", "killed")
    download.run(params(server))
    assert {name: (SCANS / name).read_bytes() for name in files(SCANS)} == {
        name: Path("killed", name).read_bytes() for name in files(Path("killed"))
    }


def test_ctrl_c_ends_a_download_at_once(server: Any, fault: Any, project: Path) -> None:
    server.faults["/part1/"] = [fault(stall=5000)]
    server.faults["/part2/"] = [fault(status=429, body=b"", headers={"Retry-After": "300"})]
    process = tenview(params(server), project)
    part = Path(".tenview/downloads/data_part_1.zip.part")
    while not (part.exists() and part.stat().st_size == 5000 and len(server.asked) == 2):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert (process.returncode, errors.splitlines()[-1]) == (130, "tenview: stopped; run it again")
    assert part.stat().st_size == 5000


@pytest.mark.slow
def test_raw_scans_are_kept_once_and_the_lock_makes_nothing_stale(server: Any, project: Path, tmp_path: Path) -> None:
    """With real DVC: data/scans and DVC's cache share each file, and a stage replaces such read-only outputs."""
    listed = ["dvc.yaml", ".dvc/config", ".dvcignore", "incoming", "scans", "stages"]
    for name in listed:
        copy = shutil.copytree if (project / name).is_dir() else shutil.copyfile
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(project / name, tmp_path / name)
    program = Path(sys.executable).with_name("dvc")
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path),
    }

    def dvc(settings: Params) -> str:
        Path("params.yaml").write_text(settings.model_dump_json())
        ended = subprocess.run(
            [program, "repro", "download"], env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    subprocess.run(["git", "init", "-q"], check=True)
    assert "Running stage 'download'" in dvc(params(server, "teeth3ds-sample"))
    mesh = SCANS / "upper/AAAA1111/AAAA1111_upper.obj"
    cached = [path for path in Path(".dvc/cache").rglob("*") if path.is_file() and path.samefile(mesh)]
    assert len(cached) == 1
    assert mesh.stat().st_nlink == 2
    content = mesh.read_bytes()
    assert Path("teeth3ds.lock.json").exists()
    assert "Running stage" not in dvc(params(server, "teeth3ds-sample"))
    Path("teeth3ds.lock.json").unlink()
    assert "Running stage" not in dvc(params(server, "teeth3ds-sample"))
    assert "Running stage" in dvc(params(server, "teeth3ds-sample", landmarks=True)), "over read-only files"
    assert "Running stage" in dvc(params(server, "teeth3ds-sample", jaws="lower"))
    assert files(SCANS) == {"cases.json", *(f"lower/{p}/{p}_lower.{s}" for p in LOWERS for s in ("obj", "json"))}
    assert cached[0].read_bytes() == content, "the cache is untouched"


LOWERS = ["AAAA1111", "ONLYLOW1"]
