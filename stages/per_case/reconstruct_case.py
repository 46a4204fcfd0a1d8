"""Reconstructs the cases of a split with a trained network: several at once on a GPU, else one on each core."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stages.params.tree import ComputeParams
from stages.prediction.heads import read_heads
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import track
from stages.runtime.workspace import NETWORK, PREPARED, VIEWS

if TYPE_CHECKING:
    from model.cases.case import Case
    from model.cases.dataset import CaseDataset
    from model.networks.base import JawNetwork
    from model.reconstruction.result import Reconstruction


@dataclass(frozen=True)
class ReconstructCase:
    """Reconstructs the case of a number; done in a worker, on one core, whose results no other one's differ from.

    Attributes:
        folder: of the model. weights_sha256: of its weights.
        split: of the case. seed: of all randomness.
        heads: whether with the error head and the radius estimator that were fitted to the weights.
        points: of the result; None for as many as the ground truth has.
    """

    folder: Path
    weights_sha256: str
    split: str
    seed: int
    heads: bool
    points: int | None = None

    def __call__(self, number: int) -> "Reconstruction":
        import torch

        torch.set_num_threads(1)  # more would round sums otherwise, and wait for each other beside other workers
        network, cases = _network(self.folder, self.weights_sha256), _cases(self.split)
        network.error_head = network.radius_estimator = None
        if self.heads:
            read_heads(network, self.folder, self.weights_sha256)
        ((_, made),) = network.reconstruct_each([cases[number]], self.seed, self.points)
        return made


def reconstruct_cases(
    network: "JawNetwork",
    cases: "CaseDataset",
    count: int,
    work: ReconstructCase,
    *,
    compute: ComputeParams,
    what: str,
) -> "Iterator[tuple[Case, Reconstruction]]":
    """The first cases of a split with their reconstructions, in order.

    Args:
        network: that of `work`, with its heads, on the device to use.
    """
    first = (cases[number] for number in range(count))
    if next(network.parameters()).device.type == "cpu":
        yield from zip(first, map_ordered(work, range(count), compute=compute, what=what), strict=True)
    else:
        yield from network.reconstruct_each(track(first, count, what), work.seed, work.points)


@lru_cache(maxsize=1)
def _network(folder: Path, weights_sha256: str) -> "JawNetwork":
    """Loaded once a process, which then keeps the memory that it frees; the digest tells one model from the next."""
    from model.networks.checkpoint import load_checkpoint
    from model.runtime.memory import disable_malloc_trim

    disable_malloc_trim()
    network, description = load_checkpoint(folder / NETWORK)
    assert description["weights_sha256"] == weights_sha256
    return network


def _cases(split: str) -> "CaseDataset":
    from model.cases.dataset import CaseDataset

    return CaseDataset(PREPARED, VIEWS, split)
