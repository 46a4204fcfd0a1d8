"""Buffers of a network, such as batch norm's running statistics, over the chunks of a step."""

import torch
from lightning_fabric import Fabric
from torch import nn


class ChunkedBuffers:
    """Gives the buffers the same values however many devices share the chunks of a step.

    Each chunk starts from the values of the step's start; after the step a buffer of floats is the mean of what the
    chunks made of it. Integers, which are counters that nothing reads, stay as they are.

    Args:
        network: the trained one, on its device.
    """

    def __init__(self, network: nn.Module) -> None:
        parameters = dict(network.named_parameters())
        self._buffers = [value for name, value in network.state_dict().items() if name not in parameters]
        self._start: list[torch.Tensor] = []
        self._sums: list[torch.Tensor] = []

    def start_step(self) -> None:
        """Keep the values of the step's start."""
        self._start = [buffer.clone() for buffer in self._buffers]
        self._sums = [torch.zeros_like(buffer) for buffer in self._buffers]

    def end_chunk(self) -> None:
        """Add up what a chunk has made of the buffers, and reset them."""
        for buffer, start, total in zip(self._buffers, self._start, self._sums, strict=True):
            total.add_(buffer)
            buffer.copy_(start)

    def end_step(self, fabric: Fabric, chunks: int) -> None:
        """Set the buffers to the mean over all chunks of the step, on all devices."""
        floats = [
            (buffer, total)
            for buffer, total in zip(self._buffers, self._sums, strict=True)
            if buffer.is_floating_point()
        ]
        if floats:
            flat = fabric.all_reduce(torch.cat([total.flatten() for _, total in floats]), reduce_op="sum") / chunks
            for (buffer, _), part in zip(floats, flat.split([buffer.numel() for buffer, _ in floats]), strict=True):
                buffer.copy_(part.view_as(buffer))
