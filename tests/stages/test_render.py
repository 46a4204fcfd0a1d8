"""render, train and evaluate with other cameras than the ten: jittered, fewer, and from files."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from renderers.rigs.rig_files import read_rig
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.errors import UserError
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.png import decode_png
from scans.shards.views import ViewsCase, read_views
from stages import download, evaluate, prepare, render, report, train
from stages.params.tree import Params, check

STILL = {"azimuth": 0.0, "elevation": 0.0, "distance": 0.0, "roll": 0.0, "aim": 0.0}
JITTER: dict[str, Any] = {
    "azimuth": 10.0, "elevation": 10.0, "distance": 0.1, "roll": 10.0, "aim": 0.1, "splits": list(SPLITS),
}  # fmt: skip
SEVEN = """\
azimuth,elevation,distance,field_of_view,half_height
0,10,3,40,
60,40,3,40,
120,0,3,40,
200,20,3,40,
280,30,3,40,
0,90,3,,1
90,0,3,,1
"""


def params(jaws: int = 6, workers: int = 1, split: str = "test", **changes: Any) -> Params:
    values = {
        "download": {"synthetic": {"jaws": jaws, "test_jaws": 2, "voxel_size": 2.0}},
        "prepare": {
            "points": 256,
            "validation_share": 0.25,
            "cases_per_shard": 2,
            "frame_jitter": {"offset": 0.0, "scale": 0.0},  # or a case would lie elsewhere in another split
        },
        "render": {"image_size": 32, "crop": "none", "samples": 1, "jitter": STILL, **changes},
        "train": {
            "epochs": 2,
            "batch_size": 3,
            "network": {"decoder": "cloud", "encoder": "test_efficientnet", "width": 16, "heads": 2},
            "cloud": {"hidden": 16},
        },
        "evaluate": {"split": split},
        "report": {"cases": 2},
        "compute": {"workers": workers},
    }
    return check(values, "params.yaml")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which six small jaws lie prepared: 3 for training, 1 for validation, 2 for the test."""
    folder = tmp_path_factory.mktemp("six")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        download.run(params())
        prepare.run(params())
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prepared / "data/prepared", tmp_path / "data/prepared")
    (tmp_path / "rigs").mkdir()
    (tmp_path / "rigs/seven.csv").write_text(SEVEN)
    monkeypatch.chdir(tmp_path)


def rendered(**changes: Any) -> dict[str, ViewsCase]:
    """The cases by id after rendering."""
    render.run(params(**changes))
    return {case.id: case for split in SPLITS for path in shard_paths(render.VIEWS, split) for case in read_views(path)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_ten_are_the_same_for_each_case() -> None:
    rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=32, order=range(10))
    cases = rendered()
    assert len(cases) == 6
    for case in cases.values():
        np.testing.assert_array_equal(case.cameras, camera_array(rig))
        assert all(case.views)
    assert len(json.loads((render.VIEWS / "transforms.json").read_text())["frames"]) == 10


def test_jitter_gives_each_case_its_cameras_whatever_else_is_rendered() -> None:
    cases = rendered(jitter=JITTER, views_per_case=5)
    cameras = np.array([case.cameras for case in cases.values()])
    assert len(np.unique(cameras[:, :, 3].ravel())) == 60
    assert len({tuple(view is None for view in case.views) for case in cases.values()}) > 1, "drawn for each case"
    one_worker = files(render.VIEWS)
    shutil.rmtree(".tenview")
    render.run(params(jitter=JITTER, views_per_case=5, workers=2))
    assert files(render.VIEWS) == one_worker
    other_seed = rendered(jitter=JITTER, views_per_case=5, seed=1)
    assert all((other_seed[name].cameras != case.cameras).any() for name, case in cases.items())
    # The same jaws among others, in other shards.
    download.run(params(jaws=9))
    prepare.run(params(jaws=9))
    among_others = rendered(jitter=JITTER, views_per_case=5)
    assert len(among_others) == 9
    for name, case in cases.items():
        assert among_others[name].views == case.views
        np.testing.assert_array_equal(among_others[name].cameras, case.cameras)


def test_only_the_named_splits_are_jittered() -> None:
    default = rendered(jitter={}, views_per_case=5)
    fixed, jittered = rendered(views_per_case=5), rendered(jitter={"splits": list(SPLITS)}, views_per_case=5)
    for name, case in default.items():
        expected = jittered if case.split == "train" else fixed
        np.testing.assert_array_equal(case.cameras, expected[name].cameras)
        assert case.views == expected[name].views
        assert [view is None for view in fixed[name].views] == [view is None for view in jittered[name].views]
    turned = [
        np.degrees(np.arccos(np.clip(np.sum(a[:, [2, 6, 10]] * b[:, [2, 6, 10]], axis=1), -1, 1)))
        for a, b in ((jittered[name].cameras, fixed[name].cameras) for name in default)
    ]
    assert 0.3 < np.max(turned) < 2, "about a degree"


@pytest.mark.parametrize("jitter", [STILL, JITTER], ids=["fixed", "jittered"])
def test_fewer_views_are_those_of_the_whole_rig(jitter: dict[str, Any]) -> None:
    whole = rendered(jitter=jitter)
    for changes, count in (
        ({"views": [9, 0, 4]}, 3),
        ({"views_per_case": 5}, 5),
        ({"views": [1, 2], "views_per_case": 1}, 1),
    ):
        for name, case in rendered(jitter=jitter, **changes).items():
            shown = [number for number, png in enumerate(case.views) if png]
            assert len(shown) == count
            assert set(shown) <= set(changes.get("views", range(10)))
            assert [case.views[number] for number in shown] == [whole[name].views[number] for number in shown]
            np.testing.assert_array_equal(case.cameras, whole[name].cameras)
    sheet = cv2.imread(str(render.VIEWS / "contact_sheet_train.png"), cv2.IMREAD_GRAYSCALE)
    assert (sheet[20:, -36:] == 255).all(), "no view 9"


def test_a_camera_file_decides_the_views_and_a_change_in_it_is_noticed() -> None:
    cases = rendered(rig="seven.csv")
    for case in cases.values():
        assert len(case.views) == 7
        assert case.cameras.shape == (7, 23)
        assert case.cameras[:, -1].tolist() == [0, 0, 0, 0, 0, 1, 1]
        assert all((decode_png(png, "") < 255).mean() > 0.05 for png in case.views), "each shows the jaw"
    frames = json.loads((render.VIEWS / "transforms.json").read_text())["frames"]
    assert [frame.get("camera_model") for frame in frames] == [None] * 5 + ["ORTHOPHOTO"] * 2
    Path("rigs/seven.csv").write_text(SEVEN.replace("60,40", "61,40"))
    for name, case in rendered(rig="seven.csv").items():
        changed = [new != old for new, old in zip(case.views, cases[name].views, strict=True)]
        assert changed == [False, True, False, False, False, False, False]


@pytest.mark.parametrize("jitter", [STILL, JITTER], ids=["fixed", "jittered"])
def test_cropped_views_show_the_jaw_larger_and_nothing_else(jitter: dict[str, Any]) -> None:
    whole, cropped = (rendered(rig="seven.csv", jitter=jitter, crop=crop) for crop in ("none", "silhouette"))
    for name, case in cropped.items():
        pairs = [[(decode_png(png, name) < 255).mean() for png in pngs] for pngs in (case.views, whole[name].views)]
        assert np.mean(pairs[0]) > 1.5 * np.mean(pairs[1])
        np.testing.assert_array_equal(case.cameras[:, :16], whole[name].cameras[:, :16])
        borders = [np.array(cropped_border(each, whole[name].cameras[n])) for n, each in enumerate(case.cameras)]
        assert np.min(borders) >= -1e-9
        assert np.max(borders) <= 1 + 1e-9
    from model.cases.dataset import CaseDataset

    data = CaseDataset(prepare.PREPARED, render.VIEWS, "test")
    assert data.crop == "silhouette"
    frames = json.loads((render.VIEWS / "transforms.json").read_text())["frames"]
    assert all(frame["cx"] == 16 for frame in frames), "the rig's, for a file of one's own"


def cropped_border(camera: np.ndarray, whole: np.ndarray) -> list[float]:
    """Left, right, top and bottom border of a cropped picture within the whole one, of 0 to 1."""
    fx, fy, cx, cy, width, height, _ = camera[16:]
    own_fx, own_fy, own_cx, own_cy, own_width, own_height, _ = whole[16:]
    columns = [own_cx + (end - cx) / fx * own_fx for end in (0, width)]
    rows = [own_cy + (end - cy) / fy * own_fy for end in (0, height)]
    return [*(column / own_width for column in columns), *(row / own_height for row in rows)]


def test_a_network_is_not_measured_on_views_of_another_crop() -> None:
    settings = params()
    render.run(settings)
    train.run(settings)
    cropped = params(crop="silhouette")
    render.run(cropped)
    with pytest.raises(UserError, match=r"trained with render\.crop: none, but these views have silhouette"):
        evaluate.run(cropped)


def test_the_written_cameras_can_be_given_back() -> None:
    cases = rendered(rig="seven.csv")
    shutil.copy(render.VIEWS / "transforms.json", "rigs/copy.json")
    for name, case in rendered(rig="copy.json").items():
        assert case.views == cases[name].views
        np.testing.assert_array_equal(case.cameras, cases[name].cameras)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rig": "eight.csv"}, r"rigs/eight\.csv: no such file; rigs holds seven\.csv"),
        ({"rig": "seven.csv", "views": [0, 7]}, r"render\.views: no view 7; the rig seven\.csv has 0 to 6"),
        ({"views": [0, 1], "views_per_case": 3}, r"render\.views_per_case: 3 of 2 views"),
        ({"jitter": {"distance": 0.66}}, r"render\.jitter\.distance: cameras could come within 1\.02 jaw radii"),
    ],
)
def test_what_no_case_could_be_rendered_with_is_told_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        render.run(params(**changes))
    assert not render.VIEWS.exists()


def test_hugging_face_has_none_for_an_absent_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    rendered(views=[1, 9])
    shards = [str(path) for path in shard_paths(render.VIEWS, "test")]
    data = datasets.load_dataset("parquet", data_files=shards, split="train", cache_dir=str(tmp_path / "cache"))
    assert [view is not None for view in data[0]["views"]] == [False, True, *[False] * 7, True]
    assert data[0]["views"][9].size == (32, 32)
    assert np.shape(data[0]["cameras"]) == (230,)


def test_a_network_learns_from_some_views_and_is_tested_on_unseen_angles(project: Path) -> None:
    settings = params(jitter=JITTER, views_per_case=5)
    render.run(settings)
    train.run(settings)
    described = json.loads((train.MODEL / "network.json").read_text())
    assert described["network"]["views"] == 10, "all slots, whichever views a case shows"
    evaluate.run(settings)
    seen = evaluate.METRICS.read_text()
    report.run(settings)
    assert report.PAGE.read_text().count("input of the network") == 2 * 5

    # Other angles, all ten views, in a rig of another file: the trained network takes them as they are.
    shutil.copy(project / "rigs/between.csv", "rigs")
    unseen = params(rig="between.csv")
    render.run(unseen)
    evaluate.run(unseen)
    assert evaluate.METRICS.read_text() != seen

    other = params(rig="seven.csv")
    render.run(other)
    with pytest.raises(UserError, match=r"data/views: .* a rig of 10 cameras, but this one has 7\."):
        evaluate.run(other)
    train.run(other)
    assert json.loads((train.MODEL / "network.json").read_text())["network"]["views"] == 7
    evaluate.run(other)
    assert json.loads(evaluate.METRICS.read_text())["model"]["cases"] == 2


def test_absent_views_change_nothing_in_what_the_network_says() -> None:
    """The metrics on 3 of ten views are those of the same 3 images, not of black ones in the other places."""
    from model.cases.dataset import CaseDataset
    from tests.model.conftest import KWARGS, new_network

    render.run(params(views=[0, 3, 9]))
    (case, *_) = CaseDataset(prepare.PREPARED, render.VIEWS, "test")
    assert np.flatnonzero(case.view_mask).tolist() == [0, 3, 9]
    network = new_network(0, **KWARGS | {"views": 10})
    cloud = network.reconstruct(case.views, case.view_mask, None).points
    noise = np.where(case.view_mask[:, None, None], case.views, 77).astype(np.uint8)
    np.testing.assert_array_equal(network.reconstruct(noise, case.view_mask, None).points, cloud)
    assert not np.array_equal(network.reconstruct(case.views, np.ones(10, bool), None).points, cloud)


def test_a_step_with_one_picture_is_refused() -> None:
    settings = params(views=[3])
    render.run(settings)
    with pytest.raises(UserError, match="3 cases in steps of 1 leave a step with a single image"):
        train.run(settings.model_copy(update={"train": settings.train.model_copy(update={"batch_size": 1})}))


def indented(document: Path, heading: str) -> str:
    """The first block of code below a heading."""
    lines = document.read_text().split(heading, 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("    "))
    block = itertools.takewhile(lambda line: line.startswith("    "), lines[start:])
    return "\n".join(line.removeprefix("    ") for line in block)


def test_the_shards_cameras_are_read_as_the_document_says(project: Path) -> None:
    rendered(rig="seven.csv")
    names: dict[str, Any] = {}
    exec(indented(project / "docs/cameras.md", "## In the shard"), names)
    assert len(names["cameras"]) == 7
    np.testing.assert_allclose(names["cameras"][6].position, (3, 0, 0), atol=1e-12)


def test_the_lists_in_the_document_and_the_folder_are_as_said(project: Path) -> None:
    Path("rigs/document.csv").write_text(indented(project / "docs/cameras.md", "half the picture's height"))
    assert [camera.orthographic for camera in read_rig(Path("rigs/document.csv"), image_size=32)] == [False, True]
    readme = (project / "rigs/README.md").read_text()
    commands = [line.strip() for line in readme.splitlines() if line.startswith("      {")]
    subprocess.run(["bash", "-c", "\n".join(commands)], check=True)
    committed = sorted((project / "rigs").glob("*.csv"))
    assert [path.name for path in committed] == ["between.csv", "clinic.csv", "orthographic.csv"]
    for path in committed:
        if path.name != "clinic.csv":  # no command makes it
            assert Path("rigs", path.name).read_text() == path.read_text()
        assert f"`{path.name}`" in readme
        assert read_rig(path, image_size=32)
    table = re.findall(r"^  \| (\d) \|.*? \| (−?\d+) \| (−?\d+) \| (\d) \|", readme, re.MULTILINE)
    rows = (project / "rigs/clinic.csv").read_text().splitlines()[1:]
    assert [",".join(row[1:]).replace("−", "-") for row in table] == [row.rpartition(",")[0] for row in rows]
