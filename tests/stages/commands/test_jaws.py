import json
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file
from typer.testing import CliRunner

from scans.errors import UserError
from scans.shards.png import decode_png
from scans.synthetic.jaw import make_jaw
from scans.teeth3ds.layout import labels_path, write_case
from stages.cli import app
from stages.commands.jaws import run
from stages.commands.jaws_table import print_tables
from stages.params.tree import Params, check
from stages.prediction.options import Axes

pytestmark = pytest.mark.slow  # jaws are made, and the code for that compiled

AXES = Axes("+z", "-y", 1.0)
VOXEL = 1.5


@pytest.fixture(scope="module")
def params() -> Params:
    values = {
        "download": {"synthetic": {"voxel_size": VOXEL}},
        "prepare": {"points": 300, "sampling": "uniform", "max_removed_fraction": 0.5},
        "render": {"image_size": 32, "samples": 1},
        "compute": {"workers": 1},
    }
    return check(values, "toy")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four jaws that stand for scans, one without labels."""
    folder = tmp_path_factory.mktemp("scans")
    for name in ("A", "B", "C", "D"):
        write_case(folder, name, "upper", make_jaw(7, name, voxel_mm=VOXEL))
    labels_path(folder, "D", "upper").unlink()
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "some.safetensors"
    save_file(timm.create_model("mobilenetv2_100", pretrained=False).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def found(params: Params, scans: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    out = tmp_path_factory.mktemp("out") / "sheets" / "jaws.png"
    return run(params, scans, out, 5, weights, AXES), out


def test_both_sets_are_described_and_compared(found: tuple[dict, Path]) -> None:
    values, out = found
    assert json.loads(out.with_suffix(".json").read_text()) == json.loads(json.dumps(values))
    assert values["jaws"]["synthetic"] == [f"SYN{n:05d}" for n in range(5)]
    assert [name.split("__")[0] for name in values["jaws"]["real"]] == ["upper"] * 4
    assert values["sizes_mm"]["real"]["width"]["jaws"] == 4
    assert values["sizes_mm"]["real"]["gingiva_fraction"]["jaws"] == 3  # one has no labels
    assert 40 < values["sizes_mm"]["synthetic"]["width"]["mean"] < 90
    assert 6 < values["sizes_mm"]["real"]["crowns"]["11"]["height"]["mean"] < 12
    frechet = values["distances"]["frechet"]
    assert (frechet["part"], frechet["rest"]) == (2, 3)
    assert frechet["between"][0] > 0
    assert values["distances"]["kernel"]["within_b"] is not None


def test_the_sheet_has_both_halves(found: tuple[dict, Path]) -> None:
    sheet = decode_png(found[1].read_bytes(), "sheet")
    half = sheet.shape[1] // 2
    assert (sheet[:, :half] < 200).any()
    assert (sheet[:, half:] < 200).any()
    assert list(found[1].parent.glob(".*")) == []


def test_the_tables_name_what_was_found(found: tuple[dict, Path], capsys: pytest.CaptureFixture[str]) -> None:
    print_tables(found[0])
    told = capsys.readouterr().out
    assert "5 synthetic jaws, 4 real scans" in told
    assert "Fréchet distance" in told
    assert "with 4 scans it is rough" in " ".join(told.split())
    assert any(line.split()[:1] == ["11"] and "8.3 ± 0.4" in line for line in told.splitlines())


def test_one_set_alone_has_no_distance_to_another(params: Params, weights: Path, tmp_path: Path) -> None:
    values = run(params, None, tmp_path / "jaws.png", 4, weights, AXES)
    assert values["distances"]["frechet"]["between"] is None
    assert values["distances"]["frechet"]["within_a"] is not None
    print_tables(values)


def test_without_weights_the_reason_stands_in_place_of_the_distances(
    found: tuple[dict, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    print_tables({**found[0], "distances": None, "why_no_distances": "they could not be downloaded"})
    told = " ".join(capsys.readouterr().out.split())
    assert "No Fréchet and no kernel distance, for want of ImageNet weights: they could not be downloaded" in told


def test_a_scan_that_cannot_be_used_is_named_and_left_out(
    params: Params, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "broken.obj").write_text("v 0 0 0\n")
    with pytest.raises(UserError, match="none of its 1 scans can be used"):
        run(params, folder, tmp_path / "jaws.png", 4, weights, AXES)
    assert "jaws: left out" in capsys.readouterr().err
    assert not (tmp_path / "jaws.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["--out", "jaws.jpg"], "--out jaws.jpg: name a PNG file"),
        (["--weights", "nothing.safetensors"], "--weights nothing.safetensors: no such file"),
        (["--crowns", "+z"], "name both axes"),
        (["--crowns", "up"], "--crowns: 'up' is no axis. Write one of +x, -x, +y, -y, +z, -z, or auto"),
    ],
)
def test_mistakes_are_told_before_any_work(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{}")
    ended = CliRunner().invoke(app, ["jaws", *arguments])
    assert isinstance(ended.exception, UserError)
    assert message in str(ended.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
