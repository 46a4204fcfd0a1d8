"""Training and evaluation of both networks on five horseshoes, in this process, in worker processes and under Dask."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.networks.checkpoint import load_checkpoint
from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from scans.shards.seen import SEEN, jaws_of, read_seen, write_seen
from stages import download, evaluate, prepare, render, train
from stages.params.tree import Params, check
from stages.prediction.trained import load_trained
from stages.runtime.workspace import CALIBRATION, ERROR_HEAD, MODEL, PRETRAINED, RADIUS_ESTIMATOR
from tests.dask_cluster import has_workers, scheduler, wait_until, worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SMALL: dict[str, Any] = {
    "download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y"}},
    "prepare": {"points": 256, "sampling": "uniform", "cases_per_shard": 2, "validation_share": 0.25},
    "render": {"image_size": 32, "samples": 1},
    "train": {
        "epochs": 1,
        "batch_size": 1,
        "network": {"decoder": "field", "encoder": "test_efficientnet", "width": 16, "heads": 2},
        "field": {
            "channels": 4,
            "view_width": 8,
            "queries": {"count": 64},
            "reconstruction": {"target_points": 2000, "voxel": 0.05, "max_residual": 1.0, "max_distance": 1.0},
        },
    },
    "compute": {"workers": 1, "accelerator": "cpu"},
}


def params(**compute: object) -> Params:
    return check(SMALL | {"compute": SMALL["compute"] | compute}, "params.yaml")


def outputs() -> dict[str, str]:
    paths = [evaluate.METRICS, evaluate.CASES, evaluate.TEETH, evaluate.CURVES, evaluate.INTERVALS]
    files = [*paths, *evaluate.PREDICTIONS.iterdir()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, horseshoe: Callable[[float], Mesh]) -> Iterator[Path]:
    """A project's folder in which a field was trained and evaluated."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("incoming").mkdir()
        for number in range(5):
            Path(f"incoming/{number}.obj").write_bytes(encode_obj(horseshoe(8 + number)))
        for stage in (download, prepare, render, train, evaluate):
            stage.run(params())
        yield folder


def test_the_checkpoint_records_how_a_field_is_reconstructed(folder: Path) -> None:
    network = json.loads((folder / "artifacts/model/network.json").read_text())["network"]
    assert network["reconstruction"] == params().train.field.reconstruction.model_dump()
    assert network["queries"]["count"] == 64
    assert network["view_width"] == 8


def test_a_fields_rows_have_its_metrics(folder: Path) -> None:
    metrics = json.loads((folder / evaluate.METRICS).read_text())
    assert set(metrics) == {"model", "mean_shape", "retrieval", "random_case", "resampling_bound"}
    assert metrics["model"]["radius_error_mm"] > 0
    assert 0 <= metrics["model"]["dcd"] <= 1
    assert metrics["resampling_bound"]["normal_consistency"] > 0.8
    intervals = json.loads((folder / evaluate.INTERVALS).read_text())
    low, high = intervals["model"]["chamfer_mm"]
    assert low <= metrics["model"]["chamfer_mm"] <= high


def test_evaluation_gives_the_same_bytes_from_any_workers(folder: Path, project: Path, tmp_path: Path) -> None:
    once = outputs()
    evaluate.run(params(workers=2))
    assert outputs() == once
    with scheduler(tmp_path, project) as address, worker(tmp_path / "a", project, address, "--nthreads", "1"):
        wait_until(lambda: has_workers(address, 1))
        (folder / evaluate.METRICS).unlink()
        evaluate.run(params(executor="dask", scheduler=address))
    assert outputs() == once


@pytest.mark.usefixtures("folder")
def test_a_worker_with_other_code_of_the_model_is_refused(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "project"
    for package in ("model", "renderers", "scans", "stages"):
        shutil.copytree(project / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(project / "dvc.yaml", other / "dvc.yaml")
    with open(other / "model/metrics/distances.py", "a") as file:
        file.write("# older\n")
    with scheduler(tmp_path, project) as address, worker(tmp_path / "old", other, address, "--nthreads", "1"):
        wait_until(lambda: has_workers(address, 1))
        with pytest.raises(UserError, match="has other code of Tenview"):
            evaluate.run(params(executor="dask", scheduler=address))


@pytest.mark.usefixtures("folder")
def test_an_unreadable_mean_shape_is_named(tmp_path: Path) -> None:
    kept = tmp_path / "kept.npy"
    shutil.copyfile(MODEL / evaluate.MEAN_SHAPE, kept)
    try:
        np.save(MODEL / evaluate.MEAN_SHAPE, np.zeros((3, 2)))
        with pytest.raises(UserError, match=r"mean_shape\.npy: expected \(N, 3\) float32, got \(3, 2\) float64"):
            evaluate.run(params())
    finally:
        shutil.copyfile(kept, MODEL / evaluate.MEAN_SHAPE)


@pytest.mark.usefixtures("folder")
def test_a_model_is_not_tested_on_jaws_that_it_has_seen(capsys: pytest.CaptureFixture[str]) -> None:
    (tested,) = jaws_of(evaluate.PREPARED, ["test"])
    listed = MODEL / SEEN
    kept = listed.read_text()
    assert len(json.loads(kept)) == 4, "the others, for training and validation"
    try:
        write_seen(listed, [*read_seen(MODEL), tested])
        with pytest.raises(UserError, match=rf"trained on 1 of the 1 jaws of the test split, such as {tested[0]}"):
            evaluate.run(params())
        training = params().model_copy(update={"evaluate": params().evaluate.model_copy(update={"split": "train"})})
        evaluate.run(training)
        assert "mean of" in capsys.readouterr().err, "who asks for the training split gets it"
        listed.unlink()
        with pytest.raises(UserError, match=r"cases\.json: no list of the jaws .*Run `dvc repro train`"):
            evaluate.run(params())
    finally:
        listed.write_text(kept)


def test_where_the_project_has_no_model_the_pretrained_one_is_measured(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.run(params())
    own = outputs()
    shutil.move(folder / MODEL, folder / PRETRAINED)
    try:
        evaluate.run(params())
        assert f"no model in {MODEL}, so the pretrained one is used, {PRETRAINED}" in capsys.readouterr().err
        assert outputs() == own
    finally:
        shutil.move(folder / PRETRAINED, folder / MODEL)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("head", [ERROR_HEAD, RADIUS_ESTIMATOR])
def test_a_head_that_can_not_be_read_is_fitted_again(head: Path) -> None:
    evaluate.run(params())
    once, kept = outputs(), head.read_bytes()
    head.unlink()
    head.write_bytes(b"of another version")
    evaluate.run(params())
    assert (head.read_bytes(), outputs()) == (kept, once)


def test_an_exported_model_is_measured_with_what_came_with_it(folder: Path) -> None:
    shutil.move(folder / MODEL, folder / PRETRAINED)
    (folder / PRETRAINED / "params.yaml").touch()
    kept = CALIBRATION.read_bytes()
    CALIBRATION.unlink()
    try:
        evaluate.run(params())
        assert not CALIBRATION.exists(), "the validation cases of this project are no part of it"
    finally:
        CALIBRATION.write_bytes(kept)
        (folder / PRETRAINED / "params.yaml").unlink()
        shutil.move(folder / PRETRAINED, folder / MODEL)


def test_a_model_is_not_used_with_params_of_other_views(folder: Path) -> None:
    path = folder / "params.yaml"
    try:
        path.write_text(json.dumps(SMALL))
        assert load_trained(None).network.kind == "field"
        path.write_text(json.dumps(SMALL | {"render": SMALL["render"] | {"background": 0}}))
        with pytest.raises(UserError, match=rf"render\.background is 0, but the model in {MODEL} was trained with 255"):
            load_trained(None)
    finally:
        path.unlink()


def test_a_training_goes_on_from_a_model_of_the_same_architecture(folder: Path) -> None:
    """Into a folder of its own, beside which the first model stays."""
    kept = shutil.move(folder / MODEL, folder / "first")
    try:
        train.run(fine_tuning(start_from="first"))
        first, second = (load_checkpoint(each / "network.safetensors") for each in (kept, folder / MODEL))
        assert len(second[0].seed_points) >= len(first[0].seed_points)
        moved = [(a - b).abs().max().item() for a, b in zip(first[0].parameters(), second[0].parameters(), strict=True)]
        assert max(moved) < 0.05, "a few steps away, and no other random weights"
        assert set(read_seen(MODEL)) >= set(read_seen(kept))
        with pytest.raises(
            UserError, match=r"train\.start_from: first: it has another architecture: width is 16, and here 8"
        ):
            train.run(fine_tuning(start_from="first", network=SMALL["train"]["network"] | {"width": 8}))
        with pytest.raises(UserError, match=r"train\.start_from: no model in nowhere"):
            train.run(fine_tuning(start_from="nowhere"))
    finally:
        shutil.rmtree(folder / MODEL)
        shutil.move(kept, folder / MODEL)


def fine_tuning(**changes: object) -> Params:
    return check(SMALL | {"train": SMALL["train"] | {"learning_rate": 1e-4, "seed": 1} | changes}, "params.yaml")
