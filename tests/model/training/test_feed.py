from collections.abc import Sequence

import numpy as np
import pytest
import torch

from model.cases.case import Case
from model.training.feed import FREE_MEMORY, KeptCases, ReadAheadCases, ReadCases, case_feed


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_cases_that_processes_read_ahead_are_the_same_ones(cases: list[Case]) -> None:
    chunks, cpu = [np.array([2, 0]), np.array([1]), np.array([1, 2])], torch.device("cpu")
    ahead = list(ReadAheadCases(cases, cpu).batches(chunks))
    for there, here in zip(ahead, ReadCases(cases, cpu).batches(chunks), strict=True):
        for name in ("views", "view_mask", "points", "radius"):
            assert getattr(there, name).dtype == getattr(here, name).dtype
            assert torch.equal(getattr(there, name), getattr(here, name))
        assert there.cameras is there.normals is there.labels is None


class Counted(Sequence[Case]):
    """Cases that know how often each was read."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases, self.reads = cases, [0] * len(cases)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, number: int) -> Case:  # type: ignore[override]  # slices are never needed
        self.reads[number] += 1
        return self.cases[number]


def test_cases_that_are_kept_are_the_same_ones_and_read_once(cases: list[Case]) -> None:
    chunks, cpu = [np.array([2, 0]), np.array([0]), np.array([0, 2])], torch.device("cpu")
    counted = Counted(cases)
    feed = KeptCases(counted, cpu)
    counted.reads = [0] * len(cases)
    for kept, read in zip(feed.batches(chunks), ReadCases(cases, cpu).batches(chunks), strict=True):
        for name in ("views", "view_mask", "points", "radius"):
            assert torch.equal(getattr(kept, name), getattr(read, name))
        assert kept.indexed_points() is kept.indexed
    assert counted.reads == [1, 0, 1]


def test_cases_are_kept_where_all_processes_have_room_for_them(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = torch.device("cpu")
    needed = len(cases) * (3 * 32 * 32 + 3 + 200 * 12 + 4 + 200 * 26)
    monkeypatch.setattr("model.training.feed.free_memory", lambda _: 2 * needed)
    for share, processes, kept in ((0.5, 1, True), (0.5, 2, False), (1.0, 2, True), (0.4, 1, False)):
        monkeypatch.setitem(FREE_MEMORY, "cpu", share)
        assert isinstance(case_feed(cases, cpu, processes), KeptCases if kept else ReadCases)
