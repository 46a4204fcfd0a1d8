import numpy as np
import pytest

from model.metrics.distances import measure

KEYS = {
    *(f"{name}_{threshold}" for name in ("precision", "recall", "f") for threshold in ("035", "010")),
    *("chamfer", "chamfer_mm", "accuracy_mm", "completeness_mm", "nn_distance_cv"),
}


def test_figures_by_hand() -> None:
    predicted = np.array([[0, 0, 0.02], [0, 0, 0.5]])
    truth = np.array([[0, 0, 0], [0, 0.03, 0.02], [1, 0, 0], [0, 0, -1]])
    figures = measure(predicted, truth, radius=40.0)
    assert figures.keys() == KEYS
    pred_to_gt = [0.02, np.hypot(0.03, 0.48)]
    gt_to_pred = [0.02, 0.03, np.hypot(1, 0.02), 1.02]
    assert figures["precision_035"] == 0.5
    assert figures["recall_035"] == 0.5
    assert figures["f_035"] == 0.5
    assert figures["precision_010"] == figures["recall_010"] == figures["f_010"] == 0
    assert figures["accuracy_mm"] == pytest.approx(40 * np.mean(pred_to_gt))
    assert figures["completeness_mm"] == pytest.approx(40 * np.mean(gt_to_pred))
    assert figures["chamfer"] == pytest.approx((np.mean(pred_to_gt) + np.mean(gt_to_pred)) / 2)
    assert figures["chamfer_mm"] == pytest.approx(40 * figures["chamfer"])
    assert figures["nn_distance_cv"] == 0  # both are each other's neighbour, at one distance


def test_figures_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    predicted, truth = rng.uniform(-0.2, 0.2, (400, 3)).astype(np.float32), rng.uniform(-0.2, 0.2, (500, 3))
    truth = truth.astype(np.float32)
    figures = measure(predicted, truth, radius=3.0)
    every = np.linalg.norm(predicted[:, None].astype(float) - truth[None], axis=-1)
    for name, threshold in (("035", 0.035), ("010", 0.010)):
        precision, recall = (every.min(axis=1) <= threshold).mean(), (every.min(axis=0) <= threshold).mean()
        assert figures[f"precision_{name}"] == pytest.approx(precision)
        assert figures[f"recall_{name}"] == pytest.approx(recall)
        assert figures[f"f_{name}"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert figures["accuracy_mm"] == pytest.approx(3 * every.min(axis=1).mean())
    assert figures["completeness_mm"] == pytest.approx(3 * every.min(axis=0).mean())
    own = np.linalg.norm(predicted[:, None].astype(float) - predicted[None], axis=-1)
    np.fill_diagonal(own, np.inf)
    assert figures["nn_distance_cv"] == pytest.approx(own.min(axis=1).std() / own.min(axis=1).mean())


def test_the_truth_itself_is_perfect() -> None:
    truth = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    figures = measure(truth, truth, radius=1.0)
    assert figures["precision_010"] == figures["recall_010"] == figures["f_010"] == 1
    assert figures["chamfer"] == 0


def test_points_clustered_on_a_part_have_precision_without_recall() -> None:
    truth = np.random.default_rng(0).uniform(-1, 1, (2000, 3)).astype(np.float32)
    figures = measure(np.repeat(truth[:10], 200, axis=0), truth, radius=1.0)
    assert figures["precision_035"] == 1
    assert figures["recall_035"] < 0.05
    assert figures["f_035"] < 0.1
    assert figures["nn_distance_cv"] == 0  # every point coincides with another


def test_clouds_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        measure(np.zeros((4, 2)), np.zeros((4, 3)), radius=1.0)
