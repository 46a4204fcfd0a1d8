"""A batch whose tensors lie in one block of shared memory, which worker and main process use again and again.

A new block for each batch would cost more than reading its cases: a connection through which the file descriptor goes,
and a page fault for each 4 kB, in both processes. So a worker fills a block anew once the main process has dropped all
tensors of its last batch, and the main process maps each block once.
"""

import math
import mmap
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

ALIGNMENT = 64  # bytes: a line of the processor's cache; the first of a block says whether it is in use
FREE, IN_USE = 0, 1

# Data type, shape and first byte of each tensor in the block.
Layout = Mapping[str, tuple[torch.dtype, tuple[int, ...], int]]


class Block(NamedTuple):
    """A file in memory that no folder names, and that is gone with the last process that has it open.

    Attributes:
        process: id of the process that made it. file: its file descriptor there. inode: its number on this machine,
            unlike those of all other blocks that exist.
    """

    process: int
    file: int
    inode: int

    @property
    def path(self) -> Path:
        """By which another process of the same user opens it."""
        return Path(f"/proc/{self.process}/fd/{self.file}")


class SharedBatch(dict[str, Any]):
    """Tensors by name, and `id`, the names of the cases; unpickled, it is a plain dictionary.

    Attributes:
        block: which the tensors lie in.
        layout: where they lie in it.
    """

    block: Block
    layout: Layout

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        return _received, (self["id"], self.block, self.layout)


def new_batch(ids: list[str], columns: Mapping[str, Sequence[Any]], *, shared: bool) -> dict[str, Any]:
    """Stack B arrays of equal shape and type to a tensor (B, ...), for each name.

    Args:
        shared: whether they lie in one block of shared memory, for another process to unpickle, once. This one must
            not use them after that.
    """
    if not shared:
        return {"id": ids, **{name: torch.from_numpy(np.stack(arrays)) for name, arrays in columns.items()}}
    layout, size = {}, ALIGNMENT
    for name, arrays in columns.items():
        array = np.asarray(arrays[0])
        layout[name] = (torch.from_numpy(np.empty(0, array.dtype)).dtype, (len(arrays), *array.shape), size)
        size += -(-array.nbytes * len(arrays) // ALIGNMENT) * ALIGNMENT
    block, memory = _free_block(size)
    batch = SharedBatch(_tensors(ids, memory, layout))
    batch.block, batch.layout = block, layout
    for name, arrays in columns.items():
        np.stack(arrays, out=batch[name].numpy())
    return batch


_made: dict[Block, np.ndarray] = {}  # by this process, or by the one that it was forked from
_mapped: dict[Block, np.ndarray] = {}  # of other processes


def _free_block(size: int) -> tuple[Block, np.ndarray]:
    """A block of this process of at least so many bytes, and its memory; from now on it is in use."""
    for block, memory in _made.items():
        if block.process == os.getpid() and len(memory) >= size and memory[0] == FREE:
            memory[0] = IN_USE
            return block, memory
    file = os.memfd_create("tenview-batch", os.MFD_CLOEXEC)
    os.ftruncate(file, size)
    block = Block(os.getpid(), file, os.fstat(file).st_ino)
    _made[block] = memory = np.frombuffer(mmap.mmap(file, size), np.uint8)
    memory[0] = IN_USE
    return block, memory


def _received(ids: list[str], block: Block, layout: Layout) -> dict[str, Any]:
    """The batch in a block of another process, which is free again when the last of the tensors is gone."""
    if block not in _mapped:
        for other in [other for other in _mapped if not other.path.exists()]:
            del _mapped[other]
        with open(block.path, "r+b") as file:
            _mapped[block] = np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)
    memory = _mapped[block]
    lent = np.frombuffer(memory, np.uint8)  # an array of its own, which the tensors alone hold
    weakref.finalize(lent, _free, memory).atexit = False
    return _tensors(ids, lent, layout)


def _free(memory: np.ndarray) -> None:
    memory[0] = FREE


def _tensors(ids: list[str], memory: np.ndarray, layout: Layout) -> dict[str, Any]:
    batch: dict[str, Any] = {"id": ids}
    whole = torch.from_numpy(memory)
    for name, (dtype, shape, start) in layout.items():
        batch[name] = whole[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape)
    return batch
