"""What `load_model` and `reconstruct` refuse; tests/stages/test_field.py runs the examples that they take."""

from pathlib import Path

import numpy as np
import pytest

from renderers.render import render_views
from scans.errors import UserError
from scans.preparing.normalise import center_and_radius, normalise
from scans.synthetic.jaw import make_jaw
from stages.per_case.render_case import shading_of
from stages.prediction.jaw_model import JawModel, load_model

BLANK = np.full((64, 64), 255, np.uint8)


@pytest.fixture(scope="module")
def model() -> JawModel:
    return load_model("pretrained")


def test_the_pretrained_model_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_model("pretrained").trained.calibration is not None
    with pytest.raises(UserError):
        load_model("no-model")


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([BLANK] * 9, "9 for 10 cameras"),
        ([None] * 10, "all are None"),
        ([None, None, BLANK / 255, *[None] * 7], r"picture 2: float64 of shape \(64, 64\)"),
        ([BLANK[:, :40], *[None] * 9], "picture 0: a picture of 40 × 64"),
        ([None, BLANK, *[None] * 8], "picture 1: blank"),
        ("no/folder", "no/folder: no such folder"),
    ],
)
def test_pictures_that_can_not_be_used_are_named(model: JawModel, pictures: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model.reconstruct(pictures)  # type: ignore[arg-type]  # wrong on purpose


def test_few_points_are_no_worse_a_fit(model: JawModel) -> None:
    mesh = make_jaw(0, "few", voxel_mm=0.8)
    center, radius = center_and_radius(mesh.vertices)
    vertices = normalise(mesh.vertices, center, radius)
    shading = shading_of(model.trained.params.render, "few")
    pictures = list(render_views(vertices, mesh.faces, model.trained.rig, shading, backend="numba", samples=1))
    many, few = (model.reconstruct(pictures, points=points) for points in (50_000, 1000))
    assert few.points.shape == (1000, 3)
    assert few.plausible == many.plausible
    assert few.fit.silhouette_iou == pytest.approx(many.fit.silhouette_iou, abs=0.01)
