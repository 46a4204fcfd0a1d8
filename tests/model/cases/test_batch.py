import dataclasses

import numpy as np
import pytest
import torch

from model.cases.batch import Batch
from model.cases.case import Case


def test_cases_are_stacked_and_taken_by_number(cases: list[Case]) -> None:
    batch = Batch.collate(cases)
    assert batch.views.shape == (3, 3, 32, 32)
    assert batch.cameras is None
    taken = batch.take(torch.tensor([2, 0]))
    assert np.array_equal(taken.points, np.stack([cases[2].points, cases[0].points]))
    one_by_one = Batch.concatenate([Batch.collate([case]) for case in cases])
    assert torch.equal(one_by_one.points, batch.points)
    assert one_by_one.nbytes == batch.nbytes == 3 * (3 * 32 * 32 + 3 + 200 * 12 + 4)


def test_a_point_that_is_not_finite_names_its_case(cases: list[Case]) -> None:
    points = cases[1].points.copy()
    points[5, 0] = np.nan
    with pytest.raises(ValueError, match="case ring1: points hold NaN"):
        Batch.collate([cases[0], dataclasses.replace(cases[1], points=points)])
