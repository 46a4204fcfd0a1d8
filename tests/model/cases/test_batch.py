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


def test_known_trees_are_taken_for_the_points_that_they_are_of_alone(cases: list[Case]) -> None:
    batch = Batch.collate(cases).with_indexed_points()
    assert batch.indexed_points() is batch.indexed
    moved = dataclasses.replace(batch, points=batch.points + 1)
    assert all(
        np.array_equal(each.points, points) for each, points in zip(moved.indexed_points(), moved.points, strict=True)
    )
    assert batch.take(torch.tensor([1])).indexed is None
    singly = [Batch.collate([case]).with_indexed_points() for case in cases]
    together = Batch.concatenate(singly)
    assert together.indexed_points() is together.indexed
    assert Batch.concatenate([singly[0], Batch.collate([cases[1]])]).indexed is None
