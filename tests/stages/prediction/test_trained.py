from pathlib import Path

import pytest

from scans.errors import UserError
from stages.commands import export
from stages.params.tree import Params
from stages.prediction.trained import load_trained, params_and_rig

LINES = "azimuth,elevation,distance,field_of_view\n0,{elevation},3,40\n"


def write(folder: Path, elevation: int) -> Path:
    (folder / "rigs").mkdir(parents=True)
    (folder / "rigs/mine.csv").write_text(LINES.format(elevation=elevation))
    return folder


def test_an_exported_models_cameras_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path / "project", 0))
    model = write(tmp_path / "model", 90)
    (model / "params.yaml").write_text("render: {rig: mine.csv}")
    assert params_and_rig(model)[1][0].position[2] == pytest.approx(3)
    (model / "rigs/mine.csv").unlink()
    assert params_and_rig(model)[1][0].position[2] == pytest.approx(0), "an older export: the project's"
    Path("rigs/mine.csv").unlink()
    with pytest.raises(UserError, match="no such file"):
        params_and_rig(model)


def test_a_folder_without_a_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="nomodel: no model there"):
        load_trained(Path("nomodel"))
    with pytest.raises(UserError, match="no model to export"):
        export.run(Params(), Path("out"), onnx=False, half=False)
    assert not Path("out").exists()
