import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scans.errors import UserError
from stages.params import presets
from stages.params import tree as params
from stages.params.dotted import flat, nested

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's params.yaml and presets, in which the test runs."""
    shutil.copytree(PROJECT / "presets", tmp_path / "presets")
    shutil.copyfile(PROJECT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def comments(text: str) -> list[str]:
    return [line.split("# ", 1)[1] for line in text.splitlines() if "# " in line]


@pytest.mark.parametrize("name", [path.stem for path in (PROJECT / "presets").glob("*.yaml")])
def test_a_preset_fits_the_tree_and_keeps_the_comments(folder: Path, name: str) -> None:
    file = folder / "params.yaml"
    before = file.read_text()
    presets.write(name)
    after = file.read_text()
    assert comments(after) == comments(before)
    expected = nested(flat(YAML(typ="safe", pure=True).load(before)) | presets.read(name))
    assert YAML(typ="safe", pure=True).load(after) == expected
    assert params.load(file).model_dump(mode="json") == expected
    assert presets.write(name) == [], "a second time changes nothing"
    assert file.read_text() == after
    assert presets.meaning(name).endswith(".")


@pytest.mark.parametrize("name", [path.stem for path in (PROJECT / "presets").glob("*.yaml")])
def test_training_is_the_same_whatever_preset_was_there_before(folder: Path, name: str) -> None:
    presets.write(name)
    alone = params.load(folder / "params.yaml").train
    for other in ("paper", "pretrained_longer"):
        presets.write(other)
        presets.write(name)
        assert params.load(folder / "params.yaml").train == alone, other


@pytest.mark.parametrize(
    ("values", "changed"),
    [("{epochs: 2}", "train.epochs"), ("{network: {decoder: field}}", "train.network.decoder")],
)
def test_a_preset_of_no_whole_training_is_a_plain_overlay(folder: Path, values: str, changed: str) -> None:
    (folder / "presets/own.yaml").write_text(f"# Own.\ntrain: {values}\n")
    presets.write("paper")
    assert presets.write("own") == [changed]


def test_a_preset_has_the_values_of_the_one_that_it_extends_and_its_own(folder: Path) -> None:
    (folder / "presets/base.yaml").write_text("# Base.\nrender: {image_size: 96, samples: 1}\ntrain: {epochs: 5}\n")
    (folder / "presets/own.yaml").write_text("# Own.\nextends: base\nrender: {image_size: 64}\n")
    assert presets.read("own") == {"render.image_size": 64, "render.samples": 1, "train.epochs": 5}
    assert presets.write("own") == ["render.image_size", "render.samples", "train.epochs"]


def test_a_wrong_base_is_named(folder: Path) -> None:
    (folder / "presets/own.yaml").write_text("# Own.\nextends: bas\n")
    with pytest.raises(
        UserError, match=r"presets/own\.yaml: extends: 'bas' is no preset\. There are: best, own, paper"
    ):
        presets.read("own")
    (folder / "presets/own.yaml").write_text("# Own.\nextends: [best]\n")
    with pytest.raises(UserError, match=r"presets/own\.yaml: extends: \['best'\] is no preset"):
        presets.read("own")
    (folder / "presets/own.yaml").write_text("# Own.\nextends: bas\n")
    (folder / "presets/bas.yaml").write_text("# Base.\nextends: own\n")
    with pytest.raises(UserError, match=r"presets/own\.yaml: it extends itself, by way of own, bas"):
        presets.read("own")


def test_a_file_that_is_no_preset_is_named_and_listed(folder: Path) -> None:
    (folder / "presets/empty.yaml").write_text("")
    (folder / "presets/list.yaml").write_text("- best\n")
    assert presets.read("empty") == {}
    assert presets.meaning("empty") == ""
    with pytest.raises(UserError, match=r"presets/list\.yaml: expected parameters as in params\.yaml, got \['best'\]"):
        presets.read("list")
    (folder / "presets/latin.yaml").write_bytes(b"# F\xfcr uns.\nrender: {image_size: 64}\n")
    with pytest.raises(UserError, match=r"presets/latin\.yaml: can't be read \(.*Presets are text in UTF-8\."):
        presets.meaning("latin")


@pytest.mark.parametrize("before", ["paper2", "paper"])
def test_scans_are_prepared_as_the_preset_says_whatever_was_there_before(folder: Path, before: str) -> None:
    for name in ("paper", "best"):
        presets.write(name)
        alone = params.load(folder / "params.yaml").prepare
        presets.write(before)
        presets.write(name)
        assert params.load(folder / "params.yaml").prepare == alone


def test_what_no_preset_sets_stays(folder: Path) -> None:
    file = folder / "params.yaml"
    file.write_text(file.read_text().replace("  seed: 0  # Seed of the weights", "  seed: 7  # Seed of the weights"))
    changed = presets.write("paper")
    assert params.load(file).train.seed == 7
    assert "train.seed" not in changed


def test_an_empty_overlay_leaves_every_byte(folder: Path) -> None:
    (folder / "presets/none.yaml").write_text("# Nothing.\n")
    before = (folder / "params.yaml").read_bytes()
    assert presets.write("none") == []
    assert (folder / "params.yaml").read_bytes() == before


def test_a_wrong_preset_is_named_and_changes_nothing(folder: Path) -> None:
    (folder / "presets/bad.yaml").write_text("# Bad.\nrender: {image_size: 3}\n")
    before = (folder / "params.yaml").read_bytes()
    with pytest.raises(UserError, match=r"params\.yaml with presets/bad\.yaml: render\.image_size: "):
        presets.write("bad")
    assert (folder / "params.yaml").read_bytes() == before
    there = (
        r"bad, best, paper, paper2, pretrained, pretrained_all, pretrained_jittered, pretrained_longer, "
        r"pretrained_mirrored\."
    )
    with pytest.raises(UserError, match=rf"presets/pap\.yaml: not found\. There are: {there}"):
        presets.write("pap")
