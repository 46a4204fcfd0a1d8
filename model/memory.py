"""Too little memory, told as what the user can lower."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from scans.errors import UserError


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Where `what` runs out of memory within the block, on the CPU or on a GPU.

    Raises:
        UserError: says what to lower.
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
