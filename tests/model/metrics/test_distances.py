import numpy as np
import pytest

from model.metrics.distances import DCD_ALPHA, compare, dcd, measure, unit_of
from tests.model.metrics.clouds import all_distances, two_clouds

KEYS = {
    *(f"{name}_{threshold}" for name in ("precision", "recall", "f") for threshold in ("035", "010")),
    *("chamfer", "chamfer_mm", "accuracy_mm", "completeness_mm", "nn_distance_cv"),
}


def test_metrics_by_hand() -> None:
    pred = np.array([[0, 0, 0.02], [0, 0, 0.5]])
    gt = np.array([[0, 0, 0], [0, 0.03, 0.02], [1, 0, 0], [0, 0, -1]])
    metrics = measure(pred, gt, radius=40.0)
    assert metrics.keys() == KEYS
    pred_to_gt = [0.02, np.hypot(0.03, 0.48)]
    gt_to_pred = [0.02, 0.03, np.hypot(1, 0.02), 1.02]
    assert metrics["precision_035"] == 0.5
    assert metrics["recall_035"] == 0.5
    assert metrics["f_035"] == 0.5
    assert metrics["precision_010"] == metrics["recall_010"] == metrics["f_010"] == 0
    assert metrics["accuracy_mm"] == pytest.approx(40 * np.mean(pred_to_gt))
    assert metrics["completeness_mm"] == pytest.approx(40 * np.mean(gt_to_pred))
    assert metrics["chamfer"] == pytest.approx((np.mean(pred_to_gt) + np.mean(gt_to_pred)) / 2)
    assert metrics["chamfer_mm"] == pytest.approx(40 * metrics["chamfer"])
    assert metrics["nn_distance_cv"] == 0  # both are each other's neighbour, at one distance


def test_metrics_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    pred, gt = rng.uniform(-0.2, 0.2, (400, 3)).astype(np.float32), rng.uniform(-0.2, 0.2, (500, 3))
    gt = gt.astype(np.float32)
    metrics = measure(pred, gt, radius=3.0)
    every = np.linalg.norm(pred[:, None].astype(float) - gt[None], axis=-1)
    for name, threshold in (("035", 0.035), ("010", 0.010)):
        precision, recall = (every.min(axis=1) <= threshold).mean(), (every.min(axis=0) <= threshold).mean()
        assert metrics[f"precision_{name}"] == pytest.approx(precision)
        assert metrics[f"recall_{name}"] == pytest.approx(recall)
        assert metrics[f"f_{name}"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert metrics["accuracy_mm"] == pytest.approx(3 * every.min(axis=1).mean())
    assert metrics["completeness_mm"] == pytest.approx(3 * every.min(axis=0).mean())
    own = np.linalg.norm(pred[:, None].astype(float) - pred[None], axis=-1)
    np.fill_diagonal(own, np.inf)
    assert metrics["nn_distance_cv"] == pytest.approx(own.min(axis=1).std() / own.min(axis=1).mean())


def test_the_gt_itself_is_perfect() -> None:
    gt = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    metrics = measure(gt, gt, radius=1.0)
    assert metrics["precision_010"] == metrics["recall_010"] == metrics["f_010"] == 1
    assert metrics["chamfer"] == 0


def test_points_clustered_on_a_part_have_precision_without_recall() -> None:
    gt = np.random.default_rng(0).uniform(-1, 1, (2000, 3)).astype(np.float32)
    metrics = measure(np.repeat(gt[:10], 200, axis=0), gt, radius=1.0)
    assert metrics["precision_035"] == 1
    assert metrics["recall_035"] < 0.05
    assert metrics["f_035"] < 0.1
    assert metrics["nn_distance_cv"] == 0  # every point coincides with another


def test_clouds_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        measure(np.zeros((4, 2)), np.zeros((4, 3)), radius=1.0)


def test_density_aware_chamfer_by_its_formula() -> None:
    pred, gt = two_clouds(50, 80)
    every = all_distances(pred, gt)

    def direction(distances: np.ndarray) -> float:
        nearest = distances.argmin(axis=1)
        ratio = max(1, distances.shape[0] / distances.shape[1])
        costs = []
        for row, column in enumerate(nearest):
            sharers = max(1, (nearest == column).sum() / ratio)
            costs.append(1 - np.exp(-DCD_ALPHA * distances[row, column] ** 2) / sharers)
        return np.mean(costs)

    assert dcd(compare(pred, gt)) == pytest.approx((direction(every) + direction(every.T)) / 2)
    assert dcd(compare(gt, gt)) == 0


def test_the_constants_of_the_density_aware_chamfer_are_those_of_its_comment() -> None:
    for distance, cost in ((0.01, 0.10), (0.035, 0.71)):
        apart = np.array([[0.0, 0, 0], [9, 9, 9]])
        assert dcd(compare(apart, apart + np.array([distance, 0, 0]))) == pytest.approx(cost, abs=0.005)


def test_a_moved_and_scaled_frame_changes_no_metric() -> None:
    pred, gt = two_clouds(300, 400)
    before = compare(pred, gt, unit_of(gt))
    after = compare(2 * pred + 0.5, 2 * gt + 0.5, unit_of(2 * gt + 0.5))
    np.testing.assert_allclose(after.pred_to_gt, before.pred_to_gt, atol=1e-5)
    np.testing.assert_allclose(after.spacing, before.spacing, atol=1e-5)
