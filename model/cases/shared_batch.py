"""A batch whose tensors lie in one block of memory, and are handed to another process as one."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

ALIGNMENT = 64  # bytes: a line of the processor's cache

# Data type, shape and first byte of each tensor in the block.
Layout = Mapping[str, tuple[torch.dtype, tuple[int, ...], int]]


class SharedBatch(dict[str, Any]):
    """Tensors by name, and `id`, the names of the cases; unpickled, it is a plain dictionary.

    Attributes:
        block: (bytes,) uint8, in shared memory, which the tensors are views of.
        layout: where they lie in it.
    """

    block: torch.Tensor
    layout: Layout

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        return _unpack, (self["id"], self.block, self.layout)


def new_batch(ids: list[str], columns: Mapping[str, Sequence[Any]], *, shared: bool) -> dict[str, Any]:
    """Stack B arrays of equal shape and type to a tensor (B, ...), for each name.

    Args:
        shared: whether they lie in shared memory, in one block.
    """
    if not shared:
        return {"id": ids, **{name: torch.from_numpy(np.stack(arrays)) for name, arrays in columns.items()}}
    layout, size = {}, 0
    for name, arrays in columns.items():
        array = np.asarray(arrays[0])
        layout[name] = (torch.from_numpy(np.empty(0, array.dtype)).dtype, (len(arrays), *array.shape), size)
        size += -(-array.nbytes * len(arrays) // ALIGNMENT) * ALIGNMENT
    block = torch.empty(0, dtype=torch.uint8).set_(torch.UntypedStorage._new_shared(size))  # as PyTorch's own collate
    batch = SharedBatch(_unpack(ids, block, layout))
    batch.block, batch.layout = block, layout
    for name, arrays in columns.items():
        np.stack(arrays, out=batch[name].numpy())
    return batch


def _unpack(ids: list[str], block: torch.Tensor, layout: Layout) -> dict[str, Any]:
    batch: dict[str, Any] = {"id": ids}
    for name, (dtype, shape, start) in layout.items():
        batch[name] = block[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
    return batch
