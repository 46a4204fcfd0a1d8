"""The render stage on real shards: colour and passes, read with no code of ours."""

from pathlib import Path

import datasets
import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.shards.png import decode_png
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.table import read_metadata
from scans.shards.views import read_views
from stages import render
from stages.params.tree import check

PREPARED = Path("data/prepared/train-00000-of-00001.parquet")
VIEWS = Path("data/views/train-00000-of-00001.parquet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    PREPARED.parent.mkdir(parents=True)
    return tmp_path


def prepare(*meshes: Mesh) -> None:
    zeros = np.zeros((16, 3), np.float32)
    cases = [
        PreparedCase(f"c{n}", "train", zeros, zeros, np.zeros(16, np.uint8), np.zeros(3), 40.0, mesh, "", {})
        for n, mesh in enumerate(meshes)
    ]
    write_prepared(PREPARED, cases, 16, {})


def run(**values: object) -> None:
    render.run(check({"render": {"image_size": 32, **values}, "compute": {"workers": 1}}, "params.yaml"))


@pytest.mark.usefixtures("folder")
def test_passes_are_columns_that_datasets_decodes(tetrahedron: Mesh) -> None:
    prepare(tetrahedron)
    run(passes=["depth", "normals", "labels"])
    (row,) = datasets.load_dataset("parquet", data_files=str(VIEWS), split="train", cache_dir="hf")
    depth, normals, labels = (
        np.stack([np.asarray(png) for png in row[name]]) for name in ("depth", "normals", "labels")
    )
    assert (depth.shape, normals.shape, labels.shape) == ((10, 32, 32), (10, 32, 32, 3), (10, 32, 32))
    about = read_metadata(VIEWS)["passes"]
    assert set(about) == {"depth", "normals", "labels"}
    seen = depth > about["depth"]["background"]
    assert (depth[seen] * about["depth"]["step"] > 2).all()
    assert (depth[seen] * about["depth"]["step"] < 4).all()
    np.testing.assert_array_equal(labels != about["labels"]["background"], seen)
    assert set(np.unique(labels[seen])) == {0, 11, 21}
    lengths = np.linalg.norm((normals[seen].astype(float) - 128) / 127, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=0.02)
    (case,) = read_views(VIEWS)
    assert len(case.views) == 10


@pytest.mark.usefixtures("folder")
def test_colour_goes_to_the_end(tetrahedron: Mesh) -> None:
    prepare(tetrahedron, tetrahedron)
    run(style="colour")
    first, second = read_views(VIEWS)
    pictures = [np.stack([decode_png(png, "view") for png in case.views]) for case in (first, second)]
    assert pictures[0].shape == (10, 32, 32, 3)
    assert (pictures[0] != pictures[1]).any(), "each case has a look of its own"
    assert pictures[0][..., 0].mean() > pictures[0][..., 2].mean()
    sheet = decode_png(VIEWS.with_name("contact_sheet_train.png").read_bytes(), "sheet")
    assert sheet.shape[2] == 3
    run(style="colour")
    assert [case.views for case in read_views(VIEWS)] == [first.views, second.views]
    run(style="colour", seed=1)
    assert next(read_views(VIEWS)).views != first.views


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("values", [{"style": "colour"}, {"passes": ["labels"]}])
def test_a_scan_without_labels_is_named(tetrahedron: Mesh, values: dict) -> None:
    prepare(Mesh(tetrahedron.vertices, tetrahedron.faces))
    with pytest.raises(ScanError, match=r"train-00000-of-00001\.parquet, case c0: mesh: no FDI labels"):
        run(**values)
    run()
    assert next(read_views(VIEWS)).id == "c0"
