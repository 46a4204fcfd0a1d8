import numpy as np
import pytest

from model.metrics.per_tooth import per_tooth, teeth_and_gingiva


def test_metrics_per_tooth_by_hand() -> None:
    pred_to_gt, pred_to_gt_idx = np.array([0.005, 0.02, 0.5]), np.array([0, 0, 2])
    gt_to_pred, labels = np.array([0.005, 0.02, 0.03, 0.4]), np.array([11, 11, 0, 21], np.uint8)
    rows = {row["fdi"]: row for row in per_tooth(pred_to_gt, pred_to_gt_idx, gt_to_pred, labels, 40.0)}
    assert list(rows) == [0, 11, 21]
    assert rows[11]["points"] == 2
    assert (rows[11]["precision_010"], rows[11]["recall_010"], rows[11]["precision_035"]) == (0.5, 0.5, 1)
    assert rows[11]["completeness_mm"] == pytest.approx(40 * 0.0125)
    assert (rows[0]["precision_035"], rows[0]["recall_035"]) == (0, 1)
    assert rows[21]["precision_035"] is None
    assert rows[21]["recall_035"] == 0
    both = teeth_and_gingiva(pred_to_gt, pred_to_gt_idx, gt_to_pred, labels, 40.0)
    assert both["recall_035_teeth"] == pytest.approx(2 / 3)
    assert both["completeness_mm_gingiva"] == pytest.approx(40 * 0.03)
    assert both["accuracy_mm_teeth"] == pytest.approx(40 * 0.0125)


def test_unknown_labels_give_no_metrics() -> None:
    args = np.zeros(2), np.array([0, 1]), np.zeros(2), np.zeros(2, np.uint8), 40.0
    assert per_tooth(*args) == []
    assert teeth_and_gingiva(*args) == {}
