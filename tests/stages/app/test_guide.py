"""The guide of `tenview app`: the views of the model that is used, in words and in pictures."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from renderers.rigs.rig_files import read_rig
from scans.cameras import camera_array, project
from scans.shards.png import decode_png
from stages.app.guide import LARGER, in_words, picture, views_of_model
from stages.app.pages import index

SIZE = 64


@pytest.fixture
def folder(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose model has been trained on rigs/clinic.csv in colour."""
    (tmp_path / "artifacts/model").mkdir(parents=True)
    (tmp_path / "artifacts/model/network.safetensors").touch()
    shutil.copytree(project / "rigs", tmp_path / "rigs")
    (tmp_path / "params.yaml").write_text(f"render: {{rig: clinic.csv, style: colour, image_size: {SIZE}}}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_models_own_rig_is_shown() -> None:
    views, _ = views_of_model()
    assert [view.words for view in views] == [
        "front: the incisors",
        "front right of the patient",
        "front left of the patient",
        "onto the crowns from the front",
        "from above, onto the crowns",
        "onto the crowns from the front right",
        "onto the crowns from the front left",
        "front: the incisors",
        "front right of the patient",
        "front left of the patient",
    ]
    assert views[2].place == "azimuth −28°, elevation −3°"
    page = index()
    assert all(f'src="/views/{view.name}.png"' in page and view.place in page for view in views)
    assert "behind" not in page


def test_its_pictures_are_the_samples_by_these_cameras(folder: Path) -> None:
    cameras = read_rig(folder / "rigs/clinic.csv", image_size=LARGER * SIZE)
    around = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / np.sqrt(3)
    for number in (0, 3):
        png = picture(number)
        assert png is not None
        pixels = decode_png(png, "view")
        assert pixels.shape == (LARGER * SIZE, LARGER * SIZE, 3), "in colour, as the model's are"
        rows, columns = np.nonzero((pixels != 255).any(axis=2))
        box, _ = project(around, camera_array(cameras)[number])
        assert 0 < columns.min() < columns.max() < LARGER * SIZE - 1, "the jaw is in the picture as a whole"
        assert np.ptp(columns) < 1.5 * np.ptp(box[:, 0])
        assert np.ptp(rows) < 1.5 * np.ptp(box[:, 1])
    assert picture(10) is None


def test_a_camera_file_that_is_gone_is_named(folder: Path) -> None:
    (folder / "rigs/clinic.csv").unlink()
    assert "clinic.csv: no such file" in index()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (0, 20, "front: the incisors"),
        (-80, 20, "the patient’s left cheek side"),
        (120, 20, "behind, right"),
        (-160, 20, "behind, left of the middle"),
        (180, 0, "behind"),
        (180, 90, "from above, onto the crowns"),
        (180, 60, "onto the crowns from the back"),
        (0, -80, "from below"),
    ],
)
def test_where_a_camera_stands_in_words(azimuth: float, elevation: float, words: str) -> None:
    assert in_words(azimuth, elevation) == words
