from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scans.shards.naming import shard_paths
from scans.shards.prepared import read_prepared, write_prepared
from stages.per_case.measure_case import Measured, Place, Prediction, Task, measure_case
from stages.runtime.workspace import MEAN_SHAPE, MODEL, PREPARED
from tests.stages.finished_run import RADIUS, finish_run


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Two jaws of 500 points: the first one's own points as prediction, moved by 0.01 radii along z."""
    finish_run(tmp_path, cases=2, noise=0.01, points=500)
    monkeypatch.chdir(tmp_path)
    (shard,) = shard_paths(PREPARED, "test")
    case = next(read_prepared(shard))
    (tmp_path / MODEL).mkdir(parents=True)
    np.save(MODEL / MEAN_SHAPE, case.points[:100])
    moved = Prediction(case.points + np.float32([0, 0, 0.01]), case.normals, case.labels, RADIUS + 3)
    return measure_case(Task("A00", Place(shard, 0), moved, MODEL / MEAN_SHAPE, Place(shard, 1), None, 1, 0))


def test_a_prediction_beside_the_surface(measured: Measured) -> None:
    """Each point's nearest is the one that it was moved from, or one that is even nearer."""
    model = measured.metrics["model"]
    assert model["f_035"] == 1
    assert model["chamfer_mm"] == pytest.approx(0.01 * RADIUS, rel=0.1)
    assert model["radius_error_mm"] == pytest.approx(3)
    assert model["normal_consistency"] == pytest.approx(1, abs=0.02)
    assert model["hungarian_accuracy_035"] == 1, "moved together, all points are matched"


def test_baselines_that_are_not_there_have_no_row(measured: Measured) -> None:
    assert list(measured.metrics) == ["model", "mean_shape", "retrieval", "resampling_bound"]
    assert measured.metrics["retrieval"]["f_035"] < 1
    assert "radius_error_mm" not in measured.metrics["mean_shape"]


def test_the_one_to_one_accuracy_is_told_relative_to_its_bound(measured: Measured) -> None:
    bound = measured.metrics["resampling_bound"]["hungarian_accuracy_035"]
    assert bound
    for row in measured.metrics.values():
        assert row["hungarian_accuracy_035_relative"] == pytest.approx(row["hungarian_accuracy_035"] / bound)


def test_the_curve_rises_with_the_threshold(measured: Measured) -> None:
    for curve in measured.curves.values():
        assert curve == sorted(curve)
    assert measured.curves["model"][-1] == 1


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """The same, the upper half of the torus cut into four teeth; the second jaw, and the mean shape without labels."""
    finish_run(tmp_path, cases=2, noise=0.01, points=500)
    monkeypatch.chdir(tmp_path)
    (shard,) = shard_paths(PREPARED, "test")
    cases = []
    for case in read_prepared(shard):
        x, y, z = case.points.T
        quarter = np.clip((np.arctan2(-y, x) / np.pi * 4).astype(int), 0, 3)
        labels = np.where(z > 0, np.array([16, 12, 22, 26])[quarter], 0).astype(np.uint8)
        cases.append(replace(case, labels=labels))
    write_prepared(shard, cases, 500, {})
    (tmp_path / MODEL).mkdir(parents=True)
    np.save(MODEL / MEAN_SHAPE, cases[0].points[:100])
    moved = Prediction(cases[0].points + np.float32([0, 0, 0.01]), None, cases[0].labels)
    return measure_case(Task("A00", Place(shard, 0), moved, MODEL / MEAN_SHAPE, Place(shard, 1), None, 0, 0))


def test_crowns_that_were_moved_lie_right_after_an_alignment(labelled: Measured) -> None:
    model = labelled.metrics["model"]
    assert model["tooth_hd_mm"] == pytest.approx(0.01 * RADIUS, rel=0.1)
    assert model["tooth_hd_rigid_mm"] < 0.1 * model["tooth_hd_mm"]
    assert labelled.metrics["retrieval"]["tooth_assd_mm"] > model["tooth_assd_mm"]
    assert [labelled.metrics[row]["missing_teeth"] for row in ("model", "mean_shape", "retrieval")] == [0, 0, 0]


def test_each_tooth_has_its_surface_distances(labelled: Measured) -> None:
    teeth = {tooth["fdi"]: tooth for tooth in labelled.teeth["model"]}
    assert list(teeth) == [0, 12, 16, 22, 26]
    assert "assd_mm" not in teeth[0], "gingiva is no crown"
    own = [tooth["assd_mm"] for fdi, tooth in teeth.items() if fdi]
    assert np.mean(own) == pytest.approx(labelled.metrics["model"]["tooth_assd_mm"])


def test_unlabelled_jaws_have_no_crowns(measured: Measured) -> None:
    assert "tooth_assd_mm" not in measured.metrics["model"]
