"""download and prepare on a folder of a user's own scans, good and broken."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.prepared import read_prepared
from scans.synthetic.jaw import make_jaw
from stages import download, prepare
from stages.params.tree import Params, check
from stages.runtime import store


@pytest.fixture(scope="module")
def jaw() -> Mesh:
    return make_jaw(0, "own", voxel_mm=1.6)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("incoming").mkdir()


def params(on_bad_scan: str = "fail", prepare: dict | None = None, workers: int = 1, **directory: object) -> Params:
    values = {
        "download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y", **directory}},
        "prepare": {
            "points": 256,
            "on_bad_scan": on_bad_scan,
            "test_share": 0.0,
            "validation_share": 0.0,
            "frame_jitter": {"offset": 0.0, "scale": 0.0},
            **(prepare or {}),
        },
        "compute": {"workers": workers},
    }
    return check(values, "params.yaml")


def add(name: str, mesh: Mesh, jaw_name: str = "upper") -> None:
    Path("incoming", f"{name}.obj").write_bytes(encode_obj(replace(mesh, labels=None)))
    if mesh.labels is not None:
        content = {"id_patient": "", "jaw": jaw_name, "labels": mesh.labels.tolist(), "instances": []}
        Path("incoming", f"{name}.json").write_text(json.dumps(content))


def run(settings: Params) -> list:
    download.run(settings)
    prepare.run(settings)
    return prepared()


def prepared() -> list:
    return [case for split in SPLITS for path in shard_paths(prepare.PREPARED, split) for case in read_prepared(path)]


def test_a_scan_is_centred_scaled_and_comes_back_in_millimetres(jaw: Mesh) -> None:
    add("first scan", jaw)
    (case,) = run(params())
    assert case.id.startswith("first_scan~")
    assert case.points.shape == case.normals.shape == (256, 3)
    radii = np.linalg.norm(case.points, axis=1)
    assert radii.max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(case.points.mean(axis=0), 0, atol=1e-6)
    back = case.mesh.vertices * case.radius + case.center
    np.testing.assert_allclose(back.min(axis=0), jaw.vertices.min(axis=0), atol=1e-3)
    np.testing.assert_allclose(back.max(axis=0), jaw.vertices.max(axis=0), atol=1e-3)
    assert set(np.unique(case.labels)) <= set(np.unique(jaw.labels))
    assert len(set(case.labels)) > 4


def test_a_frame_that_strays_still_leads_back_to_millimetres(jaw: Mesh) -> None:
    add("a", jaw)
    (straight,) = run(params())
    (strayed,) = run(params(prepare={"frame_jitter": {"offset": 0.1, "scale": 0.2}}))
    assert strayed.radius != straight.radius
    assert abs(strayed.radius / straight.radius - 1) <= 0.2
    moved = (strayed.center - straight.center) / straight.radius
    assert 0 < np.abs(moved).max() <= 0.1
    for there, back in ((strayed.points, straight.points), (strayed.mesh.vertices, straight.mesh.vertices)):
        in_mm = there * strayed.radius + strayed.center
        np.testing.assert_allclose(in_mm, back * straight.radius + straight.center, atol=1e-3)


def test_only_the_named_splits_stray(jaw: Mesh) -> None:
    add("a", jaw)
    tested = {"test_share": 1.0}
    (straight,) = run(params(prepare=tested))
    (default,) = run(params(prepare=tested | {"frame_jitter": {}}))
    np.testing.assert_array_equal(default.points, straight.points)
    (strayed,) = run(params(prepare=tested | {"frame_jitter": {"splits": ["validation", "test"]}}))
    assert strayed.radius != straight.radius
    (trained,) = run(params(prepare={"frame_jitter": {}}))
    np.testing.assert_array_equal(trained.points, strayed.points)


def test_another_orientation_and_unit_give_the_same_jaw(jaw: Mesh) -> None:
    add("a", replace(jaw, labels=None))
    (straight,) = run(params())
    x, y, z = jaw.vertices.T / 10
    add("a", Mesh(np.column_stack([-x, -z, -y]), jaw.faces, None))  # crowns to -y, incisors at +z, centimetres
    with pytest.raises(UserError, match=r"a\.obj: .*centimetres: multiply millimetres_per_unit by 10"):
        run(params(crowns="-y", incisors="+z", millimetres_per_unit=1.0))
    (turned,) = run(params(crowns="-y", incisors="+z", millimetres_per_unit=10.0))
    np.testing.assert_allclose(turned.points, straight.points, atol=1e-3)


def test_orientation_and_unit_are_found_told_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_jaw(0, "own", voxel_mm=1.0)
    x, y, z = whole.vertices.T / 1000
    add("a", Mesh(np.column_stack([-x, -z, -y]), whole.faces, None))  # crowns to -y, incisors at +z, metres
    (case,) = run(params(crowns="auto", incisors="auto"))
    found = case.cleaning["orientation"]
    assert (found["crowns"], found["incisors"], found["millimetres_per_unit"]) == ("-y", "+z", 1000.0)
    assert found["sure"] > 0.95
    assert "prepare: a: crowns to -y, incisors at +z (" in capsys.readouterr().err
    report = json.loads((prepare.PREPARED / "cleaning.json").read_text())
    assert report["cases"]["a"]["orientation"] == found
    assert "orientation" not in report["in_all"]
    back = case.mesh.vertices * case.radius + case.center
    np.testing.assert_allclose(np.ptp(back, axis=0), np.ptp(whole.vertices, axis=0), atol=1e-2)
    (named,) = run(params(crowns="-y", incisors="+z", millimetres_per_unit=1000.0))
    np.testing.assert_array_equal(named.points, case.points)
    assert "orientation" not in named.cleaning
    (wrong,) = run(params(crowns="+y", incisors="+z", millimetres_per_unit=1000.0))
    assert wrong.cleaning["orientation"]["against_shape"]["crowns"] == "-y"
    told = "prepare: a: warning: by its shape it has crowns to -y, incisors at +z ("
    assert told in capsys.readouterr().err


def test_a_scan_that_does_not_tell_how_it_lies_is_refused_by_name() -> None:
    add("cube", cube(60.0))
    with pytest.raises(UserError, match=r"cube\.obj: its shape doesn't tell how it lies"):
        run(params(crowns="auto", incisors="auto"))


def cube(edge: float) -> Mesh:
    """A cube."""
    corners = np.array([[x, y, z] for x in (0, edge) for y in (0, edge) for z in (0, edge)])
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([triangle for a, b, c, d in quads for triangle in ([a, b, c], [a, c, d])], np.int32)
    return Mesh(corners, faces)


@pytest.mark.parametrize("sampling", ["poisson_disk", "stratified", "uniform", "fps"])
def test_every_way_of_sampling_is_named_in_the_card(jaw: Mesh, sampling: str) -> None:
    add("a", jaw)
    (case,) = run(params(prepare={"sampling": sampling}))
    assert case.points.shape == case.normals.shape == (256, 3)
    np.testing.assert_allclose(np.linalg.norm(case.normals, axis=1), 1, atol=1e-6)
    assert len(set(case.labels)) > 4
    assert f"| `points` | surface points, {sampling} sampling |" in (prepare.PREPARED / "README.md").read_text()


@pytest.mark.slow  # processes that import Open3D
def test_surfaces_made_anew_are_the_same_from_one_worker_and_from_two(jaw: Mesh) -> None:
    add("a", jaw)
    add("b", replace(jaw, vertices=jaw.vertices * 1.1))
    anew = {"surface": "poisson", "reconstruction": {"points": 2000, "depth": 6}, "cases_per_shard": 1}
    download.run(params())
    shards = []
    for workers in (1, 2):
        prepare.run(params(prepare=anew, workers=workers))
        shards.append({path.name: path.read_bytes() for path in shard_paths(prepare.PREPARED, "train")})
        shutil.rmtree(store.STORE)
    assert len(shards[0]) == 2
    assert shards[0] == shards[1]
    assert "Poisson reconstruction" in (prepare.PREPARED / "README.md").read_text()
    for case in prepared():
        assert len(set(case.mesh.labels)) > 4
        assert len(set(case.labels)) > 4
        assert not {tuple(v) for v in case.mesh.vertices.tolist()} & {tuple(v) for v in jaw.vertices.tolist()}
        # the whole jaw, and nothing beyond it
        scan = jaw.vertices * (1.0 if case.id == "a" else 1.1)
        back = case.mesh.vertices * case.radius + case.center
        np.testing.assert_allclose(back.min(axis=0), scan.min(axis=0), atol=1.5)
        np.testing.assert_allclose(back.max(axis=0), scan.max(axis=0), atol=1.5)


def truncated(jaw: Mesh) -> None:
    add("bad", replace(jaw, labels=None))
    whole = Path("incoming/bad.obj").read_bytes()
    cut = whole.index(b"\nf ") // 2
    Path("incoming/bad.obj").write_bytes(whole[:cut] + whole[whole.index(b"\nf ") :])


def no_faces(jaw: Mesh) -> None:
    add("bad", Mesh(jaw.vertices, jaw.faces[:0], None))


def not_a_number(jaw: Mesh) -> None:
    add("bad", replace(jaw, labels=None))
    lines = Path("incoming/bad.obj").read_text().splitlines()
    lines = ["v nan nan nan" if line.startswith("v ") else line for line in lines]
    Path("incoming/bad.obj").write_text("\n".join(lines))


def wrong_label_count(jaw: Mesh) -> None:
    add("bad", jaw)
    content = json.loads(Path("incoming/bad.json").read_text())
    content["labels"].pop()
    Path("incoming/bad.json").write_text(json.dumps(content))


def a_lower_jaw(jaw: Mesh) -> None:
    add("bad", replace(jaw, labels=np.where(jaw.labels, 31, 0).astype(np.uint8)), "lower")


def of_no_usual_unit(jaw: Mesh) -> None:
    add("bad", replace(jaw, vertices=jaw.vertices / 200, labels=None))


BROKEN = [truncated, no_faces, not_a_number, wrong_label_count, a_lower_jaw, of_no_usual_unit]


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_scan_is_refused_by_name(jaw: Mesh, break_it: Callable[[Mesh], None]) -> None:
    add("good", jaw)
    break_it(replace(jaw, vertices=jaw.vertices * 1.01))
    with pytest.raises(UserError, match=r"1 of 2 scans can't be used:\n  .*bad\.(obj|json).*\n.*on_bad_scan"):
        run(params("fail"))
    assert not prepare.PREPARED.exists()


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_scan_can_be_left_out_and_is_listed(jaw: Mesh, break_it: Callable[[Mesh], None]) -> None:
    add("good", jaw)
    break_it(replace(jaw, vertices=jaw.vertices * 1.01))
    assert [case.id for case in run(params("skip"))] == ["good"]
    report = json.loads((prepare.PREPARED / "cleaning.json").read_text())
    assert list(report["refused"]) == ["bad"]
    assert list(report["cases"]) == ["good"]


def test_a_second_run_takes_the_shards_from_the_store(jaw: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    add("good", jaw)
    first = {path.name: path.read_bytes() for path in _after(params())}
    monkeypatch.setattr(prepare, "prepare_case", None)  # would fail if it were called
    prepare.run(params())
    assert {path.name: path.read_bytes() for path in sorted(prepare.PREPARED.iterdir())} == first


def _after(settings: Params) -> list[Path]:
    run(settings)
    return sorted(prepare.PREPARED.iterdir())


def test_no_scan_left_is_an_error(jaw: Mesh) -> None:
    of_no_usual_unit(jaw)
    with pytest.raises(UserError, match="no usable scan"):
        run(params("skip"))


def test_an_empty_or_missing_folder_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"incoming: holds no scan. Put .*\.stl"):
        download.run(params())
    with pytest.raises(UserError, match=r"nowhere: no such folder. Set download\.directory\.path"):
        download.run(params(path="nowhere"))


def test_a_scan_saved_twice_is_refused(jaw: Mesh) -> None:
    add("a", replace(jaw, labels=None))
    Path("incoming/a.ply").write_bytes(b"ply\n")
    with pytest.raises(UserError, match=r"a\.ply and incoming/a\.obj would both be the case 'a'"):
        download.run(params())


def test_a_scan_that_is_gone_since_the_download_says_what_to_run(jaw: Mesh) -> None:
    add("gone", replace(jaw, labels=None))
    download.run(params())
    Path("data/scans/files/gone.obj").unlink()
    with pytest.raises(UserError, match=r"gone\.obj: .*tenview download"):
        prepare.run(params())


def test_a_scan_named_as_the_list_of_cases_keeps_its_labels(jaw: Mesh) -> None:
    add("cases", jaw)
    (case,) = run(params())
    assert len(set(case.labels)) > 4
