import numpy as np
import pytest
import torch

from model.cases.case import Case
from model.training.feed import ReadAheadCases, ReadCases


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_cases_that_processes_read_ahead_are_the_same_ones(cases: list[Case]) -> None:
    chunks, cpu = [np.array([2, 0]), np.array([1]), np.array([1, 2])], torch.device("cpu")
    ahead = list(ReadAheadCases(cases, cpu).batches(chunks))
    for there, here in zip(ahead, ReadCases(cases, cpu).batches(chunks), strict=True):
        for name in ("views", "view_mask", "points", "radius"):
            assert getattr(there, name).dtype == getattr(here, name).dtype
            assert torch.equal(getattr(there, name), getattr(here, name))
        assert there.cameras is there.normals is there.labels is None
