import math

import pytest
import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.density import ALPHA, density


def test_density_by_hand() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [0.01, 0, 0]]])
    truth = IndexedPoints.build(torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]))
    near, far = math.exp(-ALPHA * 0.01), math.exp(-ALPHA * 0.99)
    # Both predicted points share the first true one; the true points have one neighbour each.
    there = ((1 - 1 / 2) + (1 - near / 2)) / 2
    back = (0 + (1 - far)) / 2
    assert density(predicted, [truth]).item() == pytest.approx((there + back) / 2)


def test_crowding_costs_even_on_the_surface() -> None:
    truth = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    assert density(truth[None], [IndexedPoints.build(truth)]).item() == 0
    crowded = truth[torch.arange(200) // 2]
    assert density(crowded[None], [IndexedPoints.build(truth)]).item() > 0.25
