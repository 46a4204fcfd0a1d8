from pathlib import Path

import pytest

from flows.forms import changes, form, remember
from scans.errors import UserError
from stages.params.tree import Params


@pytest.fixture
def now() -> Params:
    """Not the defaults, as params.yaml may hold anything."""
    return Params.model_validate({"render": {"image_size": 64}, "train": {"epochs": 3}})


def test_the_form_holds_the_present_values_bounds_and_choices(now: Params) -> None:
    schema = form(now.render).model_json_schema()
    size = schema["properties"]["image_size"]
    assert (size["default"], size["minimum"], size["maximum"], size["title"]) == (64, 16, 2048, "image_size")
    assert size["description"] == (
        "Height and width of a view in pixels; camera files may set another width. (≥ 16, ≤ 2048)"
    )
    assert schema["properties"]["samples"]["enum"] == [1, 4]


def test_the_form_takes_what_json_has(now: Params) -> None:
    sent = form(now.render).model_validate({"order": [9, 0, 1, 2, 3, 4, 5, 6, 7, 8], "light": 2})
    assert changes(now, {"render": sent}) == {"render.order": [9, 0, 1, 2, 3, 4, 5, 6, 7, 8], "render.light": 2.0}


def test_what_is_left_out_or_left_as_it_is_changes_nothing(now: Params) -> None:
    assert changes(now, {}) == {}
    assert changes(now, {"render": {"image_size": 64}, "train": form(now.train)()}) == {}


def test_what_a_form_was_filled_with_is_no_change_even_if_params_yaml_has_another_value_now(
    now: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = remember({"render": now.render})
    sent = {"render": now.render.model_dump(mode="json") | {"samples": 1}}
    later = Params.model_validate({"render": {"image_size": 96, "light": 2.0}, "train": {"epochs": 3}})
    assert changes(later, sent, filled_with=opened) == {"render.samples": 1}
    assert changes(later, {"render": form(later.render).model_validate(sent["render"])}, filled_with=opened) == {
        "render.samples": 1
    }
    assert changes(later, sent)["render.image_size"] == 64, "who names no form means each value"
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/paper.yaml").write_text("render: {image_size: 224}\n")
    assert changes(later, sent, "paper", opened) == {"render.image_size": 224, "render.samples": 1}
    assert remember({"render": now.render}) == opened != remember({"render": later.render})
    with pytest.raises(UserError, match=r"nobody knows any more what it was filled with \(../passwd\)\. Open it anew"):
        changes(later, sent, filled_with="../passwd")


def test_nested_values_and_lists_of_sections(now: Params) -> None:
    loss = [form(now.train)().model_dump()["cloud"]["loss"][0] | {"l1": 0.5}]
    asked = {"download": {"synthetic": {"jaws": 50}}, "train": {"cloud": {"loss": loss}, "network": {"width": 64}}}
    assert changes(now, asked) == {
        "download.synthetic.jaws": 50,
        "train.cloud.loss": loss,
        "train.network.width": 64,
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"render": {"image_size": 3}}, "the form: render.image_size: .*greater than or equal to 16"),
        ({"render": {"image_siz": 32}}, "did you mean render.image_size"),
        ({"download": {"synthetic": {"jaws": 4}}}, "leaves fewer than 2 of 4 jaws"),
    ],
)
def test_what_the_browser_cannot_check_is_refused_before_dvc_runs(now: Params, asked: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        changes(now, asked)


def test_a_preset_holds_where_the_form_is_left_alone(
    now: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/paper.yaml").write_text("render: {image_size: 224, samples: 1}\ntrain: {epochs: 3}\n")
    asked = {"render": form(now.render).model_validate({"image_size": 64, "samples": 4, "light": 4.0})}
    assert changes(now, asked, "paper") == {"render.image_size": 224, "render.samples": 1, "render.light": 4.0}
    assert changes(now, {"render": {"image_size": 96}}, "paper") == {"render.image_size": 96, "render.samples": 1}
    there = (
        r"best, paper, paper2, pretrained, pretrained_all, pretrained_jittered, pretrained_longer, "
        r"pretrained_mirrored\."
    )
    with pytest.raises(UserError, match=rf"presets/pap\.yaml: not found. There are: {there}"):
        changes(now, {}, "pap")
