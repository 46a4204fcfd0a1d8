"""Exponential moving average (EMA) of a network's weights."""

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


class MovingAverage(Generic[N]):
    """Exponential moving average of a network's weights.

    Args:
        network: the trained one, on its device.
        decay: weight of the old average in a step, at most; with 0 no copy is made. In the first steps it is lower,
            (1 + n) / (10 + n) after n, so that the initial weights fade soon.

    Attributes:
        network: the averaged one.
    """

    def __init__(self, network: N, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False) if decay else network
        # Listed once, for that takes as long as a third of the update; whatever changes them does so in place.
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._means, self._now = [mean for mean, _ in averaged], [now for _, now in averaged]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Average in the network's weights after a step, counted from 0."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._means, self._now, 1 - decay)  # one launch for all on a GPU
        for mean, now in self._counters:
            mean.copy_(now)
