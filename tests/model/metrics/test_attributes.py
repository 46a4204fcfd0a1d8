import numpy as np
import pytest

from model.metrics.attributes import label_accuracy, normal_consistency
from model.metrics.distances import compare


def test_normals_and_labels_of_nearest_points() -> None:
    pred, gt = np.array([[0, 0, 0], [1, 0, 0]]), np.array([[0, 0, 0.1], [1, 0, 0.1], [1, 0, 0.2]])
    found = compare(pred, gt)
    half = np.sqrt(0.5)
    pred_normals, gt_normals = np.array([[0, 0, 1], [0, half, half]]), np.array([[0, 0, -1], [0, 0, 1], [0, 1, 0]])
    assert normal_consistency(found, pred_normals, gt_normals) == pytest.approx(
        ((1 + half) / 2 + (1 + half + half) / 3) / 2
    )
    assert label_accuracy(found, np.array([11, 12]), np.array([11, 12, 0])) == pytest.approx(2 / 3)
