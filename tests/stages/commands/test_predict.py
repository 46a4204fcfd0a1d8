"""`tenview predict` and `tenview export` on a small model that the pipeline trained, and on jaws that it renders."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from model.cases.dataset import CaseDataset
from model.metrics.plausibility import fit
from model.networks.checkpoint import load_checkpoint
from scans.mesh_files.read import read_mesh
from scans.shards.naming import SPLITS
from tests.clones import copy_of
from tests.forked import tenview

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def project(finished_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished clone with a cloud network, trained and evaluated; the ring's cameras come from a file."""
    folder = copy_of(finished_clone, tmp_path_factory.mktemp("project"))
    lines = ["azimuth,elevation,distance,field_of_view", *(f"{40 * view},20,3,40" for view in range(9)), "180,90,3,40"]
    (folder / "rigs/ten.csv").write_text("\n".join(lines))
    cloud = "# A cloud.\nrender: {crop: none, rig: ten.csv}\ntrain: {network: {decoder: cloud}}\n"
    (folder / "presets/cloud.yaml").write_text(cloud)
    tenview(folder, "preset", "cloud")
    for stage in ("render", "train", "evaluate"):
        tenview(folder, stage)
    return folder


@pytest.fixture(scope="module")
def pictures(project: Path) -> list[np.ndarray]:
    """The ten views of the jaw that fits best: a network that has learnt so little does not know jaws unlike it."""
    network, _ = load_checkpoint(project / "artifacts/model/network.safetensors")
    fits = {}
    for split in SPLITS:
        for case in CaseDataset(project / "data/prepared", project / "data/views", split):
            assert case.cameras is not None
            points = network.reconstruct(case.views, case.view_mask, case.cameras).points
            fits[case.id] = (fit(points, case.views, case.view_mask, case.cameras).silhouette_iou, list(case.views))
    return max(fits.values(), key=lambda pair: pair[0])[1]


def folder_of(pictures: list[np.ndarray], folder: Path, suffix: str = ".png") -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"view_{number:02d}{suffix}"), picture)
    return folder


def account(folder: Path) -> dict:
    return json.loads((folder / "prediction.json").read_text())


def test_pictures_of_any_format_and_size_become_points(
    project: Path, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    large = [cv2.resize(picture, (300, 300), interpolation=cv2.INTER_CUBIC) for picture in pictures]
    folder_of(pictures, tmp_path / "png")
    folder_of([cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) for picture in large], tmp_path / "jpg", ".jpg")
    folder_of(large, tmp_path / "webp", ".webp")
    folder_of([picture.astype(np.uint16) * 257 for picture in large], tmp_path / "tiff", ".tiff")
    kinds = ("png", "jpg", "webp", "tiff")
    said = tenview(project, "predict", *(tmp_path / kind for kind in kinds), "--out", tmp_path / "out")
    assert "warning" not in said
    assert "4 of 4 jaws" in said
    clouds = [np.load(tmp_path / "out" / kind / "reconstruction.npz")["points"] for kind in kinds]
    calibration = json.loads((project / "reports/calibration.json").read_text())
    for kind, points in zip(kinds, clouds, strict=True):
        told = account(tmp_path / "out" / kind)
        assert told["plausible"] is True
        assert told["radius_mm"] == calibration["radius_mm"]
        assert sorted(told["outputs"]) == ["points.glb", "points.ply", "preview.png", "reconstruction.npz"]
        assert points.shape == (8192, 3)
        assert np.abs(points - clouds[0]).mean() < 1.0  # mm
    sheet = cv2.imread(str(tmp_path / "out/png/preview.png"))
    assert sheet.std() > 20
    again = tmp_path / "again"
    tenview(project, "predict", tmp_path / "png", "--out", again)
    assert account(again / "png") == account(tmp_path / "out/png"), "the same pictures give the same bytes"


SPOILT: dict[str, tuple[Callable, str]] = {
    "mirrored": (lambda views: [view[:, ::-1] for view in views], "mirrored left to right, or numbered round the jaw"),
    "backwards": (
        lambda views: [views[0], *views[8:0:-1], views[9]],
        "the jaw the wrong way|wrong order: view 1 looks like view 8",
    ),
    "shifted": (lambda views: [views[9], *views[:9]], "wrong order: view 0 looks like view 9"),
    "swapped": (
        lambda views: [*views[:2], views[9], *views[3:9], views[2]],
        r"wrong order: .*view 2 looks like view 9",
    ),
}


@pytest.fixture(scope="module")
def doubted(project: Path, pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What `predict` says of spoilt pictures, and its results."""
    folder = tmp_path_factory.mktemp("spoilt")
    folders = [folder_of(spoil(pictures), folder / name) for name, (spoil, _) in SPOILT.items()]
    return tenview(project, "predict", *folders, "--out", folder / "out"), folder / "out"


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_pictures_are_doubted(name: str, doubted: tuple[str, Path]) -> None:
    said, out = doubted
    assert name in said.split("don't trust ")[1]
    assert re.search(SPOILT[name][1], "\n".join(account(out / name)["warnings"]))
    told = account(out / name)
    assert told["plausible"] is False
    assert told["fit"]["permutation_gain"] > told["limits"]["permutation_gain"]


def test_bad_folders_are_named_and_stop_no_other(project: Path, pictures: list[np.ndarray], tmp_path: Path) -> None:
    def made(name: str) -> Path:
        return folder_of(pictures, tmp_path / name)

    (made("fewer") / "view_03.png").unlink()
    (made("broken") / "view_04.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    cv2.imwrite(str(made("blank") / "view_05.png"), np.full((64, 64), 255, np.uint8))
    cv2.imwrite(str(made("wide") / "view_05.png"), np.full((64, 128), 255, np.uint8))
    shutil.copy(made("double") / "view_01.png", tmp_path / "double/view_02.png")
    shutil.copy(made("twice") / "view_01.png", tmp_path / "twice/view_01.webp")
    shutil.copy(made("more") / "view_01.png", tmp_path / "more/view_10.png")
    (tmp_path / "empty").mkdir()
    names = ("fewer", "broken", "blank", "wide", "double", "twice", "more", "empty", "absent")
    made("good")
    said = tenview(
        project, "predict", *(tmp_path / name for name in (*names, "good")), "--out", tmp_path / "out", fails=True
    )
    for message in (
        "fewer: 9 of 10 pictures; view_03 not found. Add them, or say so: --missing 3",
        "broken/view_04.png: no readable PNG, JPEG, WebP, TIFF or BMP picture",
        "blank/view_05.png: blank",
        "wide/view_05.png: a picture of 128 × 64, where the cameras make square ones",
        "double/view_02.png: the same picture as view_01.png",
        "twice/view_01.webp: view 1 is there twice",
        "more/view_10.png: the model knows the views 0 to 9",
        "empty: holds no picture",
        "absent: no such folder",
        "1 of 10 jaws",
    ):
        assert message in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_missing_views_and_own_cameras(project: Path, pictures: list[np.ndarray], tmp_path: Path) -> None:
    folder = folder_of(pictures, tmp_path / "jaw")
    for number in (3, 5):
        (folder / f"view_{number:02d}.png").unlink()
    transforms = json.loads((project / "data/views/transforms.json").read_text())
    transforms["frames"] = transforms["frames"][::-1]  # found by their names
    (folder / "transforms.json").write_text(json.dumps(transforms))
    tenview(project, "predict", folder, "--missing", "3,5", "--out", tmp_path / "out", "--radius", 40, "--points", 1000)
    told = account(tmp_path / "out/jaw")
    assert told["absent_views"] == [3, 5]
    assert (told["plausible"], told["points"], told["radius_mm"], told["radius_from"]) == (True, 1000, 40, "--radius")
    assert "transforms.json" in told["inputs"]
    said = tenview(project, "predict", folder, "--missing", "3,5,6", "--out", tmp_path / "out", fails=True)
    assert "view 6 is named as missing, but it is there" in said
    said = tenview(project, "predict", folder, "--missing", "3,12", "--out", tmp_path / "out", fails=True)
    assert "name some of the views 0 to 9" in said


def test_a_folder_of_something_else_is_never_replaced(
    project: Path, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    folder = folder_of(pictures, tmp_path / "jaw")
    said = tenview(project, "predict", folder, "--out", tmp_path, fails=True)
    assert "there is something else than a prediction" in said
    assert len(list(folder.iterdir())) == 10


def test_a_scan_is_rendered_and_its_error_told(project: Path, tmp_path: Path) -> None:
    scan = next((project / "data/scans").rglob("*.obj"))
    tenview(project, "predict", "--from-scan", scan, "--out", tmp_path / "out")
    folder = tmp_path / "out" / scan.stem
    told = account(folder)
    assert 0.2 < told["error"]["f_035"] <= 1
    assert told["radius_from"] == "the scan"
    assert len(list((folder / "views").glob("view_*.png"))) == 10
    assert cv2.imread(str(folder / "error.png")).std() > 20
    cloud = np.load(folder / "reconstruction.npz")["points"]
    surface = read_mesh(scan).vertices
    assert np.abs(cloud.mean(axis=0) - surface.mean(axis=0)).max() < 8, "it lies over the scan, in mm"
    tenview(project, "predict", folder / "views", "--out", tmp_path / "again")
    assert account(tmp_path / "again/views")["fit"] == told["fit"], "the pictures it leaves are those it used"


def test_an_exported_model_works_elsewhere(project: Path, pictures: list[np.ndarray], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = tmp_path / "my-model"
    tenview(project, "export", "--out", model)
    card = (model / "README.md").read_text()
    assert "Not a medical device" in card
    assert "| mean shape | 2 |" in card
    assert "no patient's data" in card
    assert (model / "rigs/ten.csv").is_file(), "its cameras come along"
    folder = folder_of(pictures, tmp_path / "jaw")
    tenview(tmp_path, "predict", folder, "--model", model, "--out", tmp_path / "there")
    tenview(project, "predict", folder, "--out", tmp_path / "here")
    assert account(tmp_path / "there/jaw") == account(tmp_path / "here/jaw")
    session = onnxruntime.InferenceSession(model / "network.onnx", providers=["CPUExecutionProvider"])
    (points,) = session.run(None, {"views": np.stack(pictures)[None], "view_mask": np.ones((1, 10), bool)})
    radius = account(tmp_path / "here/jaw")["radius_mm"]
    np.testing.assert_allclose(
        points[0] * radius, np.load(tmp_path / "here/jaw/reconstruction.npz")["points"], atol=1e-4 * radius
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    said = tenview(project, "export", "--out", tmp_path / "mine", "--no-onnx", fails=True)
    assert "something else than an exported model (notes.txt), which would be deleted" in said
    (model / ".git").mkdir()
    assert "exported model (.git)" in tenview(project, "export", "--out", model, "--no-onnx", fails=True)
    assert (model / ".git").is_dir()
    (model / ".git").rmdir()
    tenview(project, "export", "--out", model, "--no-onnx")
    assert not (model / "network.onnx").exists(), "an earlier export is replaced"
    model.joinpath("network.safetensors").unlink()
    assert "(no model)" in tenview(project, "export", "--out", model, "--no-onnx", fails=True)
    for option in ("--solid", "--teeth"):
        said = tenview(project, "predict", folder, option, "--formats", "npz", fails=True)
        assert f"{option} writes surfaces: add one of ply, stl, glb, 3mf to --formats" in said
