"""Where the batches of a training come from: read at each step, read ahead, or kept in memory or on the GPU."""

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
from model.runtime.memory import free_memory

FREE_MEMORY = {"cuda": 0.5, "cpu": 0.25}  # fraction of it that cases may take; the rest is the step's, and others'
TREE = 26  # bytes of a point's share of the k-d tree
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


class KeptCases(CaseFeed):
    """Keeps each case from its first step on, decoded and with the k-d tree of its points."""

    def __init__(self, cases: Sequence[Case], device: torch.device) -> None:
        self.cases = cases
        self.kept: dict[int, Batch] = {}
        self.description = f"all cases are kept in memory ({bytes_of(cases, device) / 1e9:.1f} GB)"

    def batches(self, chunks: Sequence[np.ndarray]) -> Iterator[Batch]:
        """See `CaseFeed`."""
        for numbers in chunks:
            for i in numbers:
                if i not in self.kept:
                    self.kept[i] = Batch.collate([self.cases[i]]).with_indexed_points()
            yield Batch.concatenate([self.kept[i] for i in numbers])


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


def bytes_of(cases: Sequence[Case], device: torch.device) -> int:
    """Memory that all cases take on a device, with their k-d trees on a CPU, by that of the first."""
    first = Batch.collate([cases[0]])
    return len(cases) * (first.nbytes + (TREE * first.points.shape[1] if device.type == "cpu" else 0))


def case_feed(cases: Sequence[Case], device: torch.device, processes: int = 1) -> CaseFeed:
    """The fastest feed that fits.

    Args:
        processes: that train on this machine's CPU, where each keeps the cases for itself.
    """
    if device.type == "cuda":
        fits = bytes_of(cases, device) <= FREE_MEMORY["cuda"] * free_memory(device)
        return ResidentCases(cases, device) if fits else ReadAheadCases(cases, device)
    fits = processes * bytes_of(cases, device) <= FREE_MEMORY["cpu"] * free_memory(device)
    return KeptCases(cases, device) if fits else ReadCases(cases, device)
