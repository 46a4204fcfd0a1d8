"""Memory: how much is free, how it is allocated, and the error for too little."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from model.runtime.cgroup import memory_limit
from scans.errors import UserError

# glibc's names and numbers for mallopt(3), which bounds the first at 32 MiB on 64-bit machines.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a GPU, or on this machine; there no more than a container may use at all."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free: int = psutil.virtual_memory().available
    return min(free, memory_limit() or free)


def disable_malloc_trim() -> None:
    """Make glibc keep freed memory in this process; does nothing with other C libraries.

    A step makes and frees tensors of 1 to 30 MB by the hundred. By default their memory goes back to the system each
    time and comes anew, page by page, which was a fifth of a field's step on one core; a reconstruction takes 1.65 s in
    place of 1.95.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def out_of_memory_as_user_error(what: str) -> Iterator[None]:
    """Within the block an out-of-memory error, on the CPU or a GPU, becomes a UserError that says what to lower.

    Raises:
        UserError: `what` ran out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # PyTorch has a class of its own for GPUs, and a plain RuntimeError for the CPU.
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise UserError(
            f"{what}: too little memory ({str(error).splitlines()[0] if str(error) else 'out of memory'}). Lower "
            "train.batch_size or raise train.accumulate; lower render.image_size; or take a smaller train.network"
        ) from error
