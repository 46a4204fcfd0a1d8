"""The moving average of a network's weights (EMA), which is what is validated and kept."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


class MovingAverage(Generic[N]):
    """A copy of a network whose weights follow the original's slowly.

    Args:
        network: what is followed.
        decay: share of the old average that a step keeps, at most; 0 follows at once, and no copy is made. In the
            first steps it is lower, (1 + n) / (10 + n) after n, so that the random start fades soon.

    Attributes:
        network: the average.
    """

    def __init__(self, network: N, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False) if decay else network

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow the network after a step, from 0."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, now in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)
