"""Exponential moving average (EMA) of a network's weights."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


class MovingAverage(Generic[N]):
    """Exponential moving average of a network's weights.

    Args:
        network: the trained one.
        decay: weight of the old average in a step, at most; with 0 no copy is made. In the first steps it is lower,
            (1 + n) / (10 + n) after n, so that the initial weights fade soon.

    Attributes:
        network: the averaged one.
    """

    def __init__(self, network: N, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False) if decay else network

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Average in the network's weights after a step, counted from 0."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        # One launch for all on a GPU.
        torch._foreach_lerp_([mean for mean, _ in averaged], [now for _, now in averaged], 1 - decay)
        for mean, now in pairs:
            if not mean.is_floating_point():
                mean.copy_(now)
