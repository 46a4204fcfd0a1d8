import pytest
import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.l1 import index_l1, nearest_l1


def test_index_l1_compares_by_index_and_takes_the_first_true_points() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [1, 1, 1]]])
    truth = IndexedPoints.build(torch.tensor([[3.0, 0, 0], [1, 1, 1], [9, 9, 9]]))
    assert index_l1(predicted, [truth]).item() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="2 ground-truth points"):
        index_l1(predicted, [IndexedPoints.build(torch.zeros(1, 3))])


def test_nearest_l1_by_hand() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
    truth = IndexedPoints.build(torch.tensor([[1.0, 0, 3]]))
    # There: (1 + 3) / 3 and 3 / 3; back: from (1, 0, 0) alone, 3 / 3.
    assert nearest_l1(predicted, [truth]).item() == pytest.approx(((4 / 3 + 1) / 2 + 1) / 2)


def test_nearest_l1_knows_no_order() -> None:
    points = torch.rand(1, 50, 3)
    assert nearest_l1(points.flip(1), [IndexedPoints.build(points[0])]).item() == 0
    assert index_l1(points.flip(1), [IndexedPoints.build(points[0])]).item() > 0.1
