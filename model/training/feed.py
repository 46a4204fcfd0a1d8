"""Where the batches of a training come from: read at each step, read ahead, or kept on the GPU."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import DataLoader

from model.cases.batch import Batch, stacked
from model.cases.case import Case

FREE_MEMORY = 0.5  # of a GPU's, that cases may take; the rest is the step's
READERS = 4  # worker processes that read ahead


class CaseFeed(ABC):
    """Gives batches of training cases on the device that trains.

    Attributes:
        description: what it does, for the user.
    """

    description: str

    @abstractmethod
    def batches(self, chunks: Sequence[np.ndarray]) -> Iterator[Batch]:
        """A batch of each of these lists of case numbers, in order."""


class ReadCases(CaseFeed):
    """Reads the cases of a batch when its turn comes, so that no others are in memory."""

    def __init__(self, cases: Sequence[Case], device: torch.device) -> None:
        self.cases, self.device = cases, device
        self.description = "cases are read at each step"

    def batches(self, chunks: Sequence[np.ndarray]) -> Iterator[Batch]:
        """See `CaseFeed`."""
        for numbers in chunks:
            yield Batch.collate([self.cases[i] for i in numbers]).to(self.device)


class ReadAheadCases(CaseFeed):
    """Worker processes read the next cases while the GPU computes."""

    def __init__(self, cases: Sequence[Case], device: torch.device) -> None:
        self.cases, self.device = cases, device
        self.readers = min(READERS, len(os.sched_getaffinity(0)))
        self.description = f"{self.readers} processes read the cases ahead"

    def batches(self, chunks: Sequence[np.ndarray]) -> Iterator[Batch]:
        """See `CaseFeed`."""
        loader: DataLoader[Any] = DataLoader(
            cast("Any", self.cases),
            batch_sampler=[chunk.tolist() for chunk in chunks],
            num_workers=self.readers,
            collate_fn=partial(stacked, shared=True),
        )
        for columns in loader:
            yield Batch.received(columns).to(self.device)


class ResidentCases(CaseFeed):
    """All cases wait on the GPU, decoded."""

    def __init__(self, cases: Sequence[Case], device: torch.device) -> None:
        self.batch = Batch.concatenate([Batch.collate([case]).to(device) for case in cases])
        self.device = device
        self.description = f"all cases are kept on the GPU ({self.batch.nbytes / 1e9:.1f} GB)"

    def batches(self, chunks: Sequence[np.ndarray]) -> Iterator[Batch]:
        """See `CaseFeed`."""
        for numbers in chunks:
            yield self.batch.take(torch.from_numpy(numbers).to(self.device, non_blocking=True))


def case_feed(cases: Sequence[Case], device: torch.device) -> CaseFeed:
    """The fastest feed that fits: on a GPU all cases are kept there if they take at most half of its free memory."""
    if device.type != "cuda":
        return ReadCases(cases, device)
    needed = len(cases) * Batch.collate([cases[0]]).nbytes
    if needed <= FREE_MEMORY * torch.cuda.mem_get_info(device)[0]:
        return ResidentCases(cases, device)
    return ReadAheadCases(cases, device)
