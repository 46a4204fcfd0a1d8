from pathlib import Path

import pytest
from pydantic import BaseModel

from scans.errors import UserError
from stages.params import tree as params
from stages.params.table import print_table


def test_params_yaml_holds_every_default(project: Path) -> None:
    from ruamel.yaml import YAML

    written = YAML(typ="safe", pure=True).load(project / "params.yaml")
    assert written == params.Params().model_dump(mode="json")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rendr": {}}, r"params.yaml: rendr: unknown key; did you mean render\?"),
        ({"render": {"image_siez": 64}}, r"render.image_siez: unknown key; did you mean render.image_size\?"),
        ({"train": {"cloud": {"hiden": 1}}}, r"train.cloud.hiden: .* did you mean train.cloud.hidden\?"),
        ({"train": {"field": {"reconstruction": {"voxel": 0}}}}, r"train.field.reconstruction.voxel: .*not 0"),
        (
            {"train": {"network": {"decoder": "field"}, "field": {"view_width": 9}}},
            r"train: network.heads=4 must divide f",
        ),
        ({"train": {"field": {"queries": {"nearest_spread": 0.5}}}}, "nearest_spread=0.5 exceeds farthest_spread=0.08"),
        ({"train": {"cloud": {"loss": [{"chamfer": 0.0}]}}}, "train.cloud: loss: each stage needs a weight above 0"),
        ({"prepare": {"zzz": 1}}, "known keys: surface, reconstruction"),
        ({"render": {"image_size": 3}}, "render.image_size: .*greater than or equal to 16, not 3"),
        ({"render": {"image_size": "128"}}, "render.image_size: .*integer, not '128'"),
        ({"render": {"backend": "osmesa"}}, "render.backend: .*'numba' or 'pyrender', not 'osmesa'"),
        ({"render": {"order": [0, 0]}}, r"render: order=\[0, 0\] must name each of the views"),
        ({"render": {"rig": "nerf"}}, "render: rig='nerf' must be ring, or the name of a .json or .csv file in rigs/"),
        ({"render": {"rig": "../own.csv"}}, r"render: rig='\.\./own\.csv' must be"),
        ({"render": {"views": [3, 3]}}, r"render: views=\[3, 3\] names a view twice"),
        ({"render": {"views": [-1]}}, r"render\.views\.0: .*not -1"),
        ({"render": {"jitter": {"roll": 200}}}, r"render\.jitter\.roll: .*not 200"),
        ({"train": {"network": {"heads": 3}}}, "train.network: heads=3 must divide width=128"),
        ({"download": {"synthetic": {"jaws": 10}}}, "test_jaws=40 leaves fewer than 2 of 10"),
        (
            {"download": {"directory": {"crowns": "+y", "incisors": "-y"}}},
            r"download.directory: crowns=\+y and incisors=-y",
        ),
        ({"download": {"directory": {"millimetres_per_unit": float("inf")}}}, "millimetres_per_unit: .*finite"),
        (
            {"download": {"teeth3ds": {"url": "https://osf.io/download/"}}},
            "teeth3ds.url: .*pattern.*, not 'https://osf",
        ),
        ({"compute": {"workers": -1}}, "compute.workers: .*not -1"),
        ({"compute": {"scheduler": "tcp://a:1"}}, "compute: scheduler=tcp://a:1 is used by executor=dask alone"),
        ([1, 2], "params.yaml: the whole file"),
        ({"render": None}, "params.yaml: render: "),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        params.check(values, "params.yaml")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        params.check({"render": {"image_size": 3, "light": -1}, "nonsense": 1}, "params.yaml")
    assert len(str(caught.value).splitlines()) == 3


def test_yaml_numbers_are_taken_as_dvc_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "train: {learning_rate: 1e-3, gradient_clip_norm: 2}\nrender: {order: [9, 0, 1, 2, 3, 4, 5, 6, 7, 8]}\n"
    )
    loaded = params.load(file)
    assert (loaded.train.learning_rate, loaded.train.gradient_clip_norm, loaded.render.order[0]) == (1e-3, 2.0, 9)


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2", "\x00"])
def test_broken_yaml_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml: can't be read as YAML"):
        params.load(tmp_path / "params.yaml")


def test_no_params_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="project's folder"):
        params.load(tmp_path / "params.yaml")


def test_every_field_says_what_it_is() -> None:
    def check(section: type[BaseModel]) -> None:
        assert section.__doc__
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                check(field.annotation)
            else:
                assert (field.description or "").endswith("."), f"{section.__name__}.{name}"

    check(params.Params)


def test_the_table_shows_values_bounds_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    changed = params.check({"render": {"image_size": 64}}, "params.yaml")
    print_table(changed, "render")
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("render.image_size"))
    assert row.split()[:7] == ["render.image_size", "64", "112", "≥", "16,", "≤", "2048"]
    with pytest.raises(UserError, match="no parameter or section 'rend'"):
        print_table(changed, "rend")
