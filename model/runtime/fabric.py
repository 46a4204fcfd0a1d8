"""Devices of a training: the CPU, one GPU, or several processes."""

from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from scans.errors import UserError


def new_fabric(*, accelerator: str, devices: int, precision: str) -> Fabric:
    """Lightning Fabric, ready for `fabric.launch(function, ...)`, which calls `function(fabric, ...)` in each process.

    Args:
        accelerator: auto, cpu or cuda.
        devices: processes; on CUDA each has a GPU.
        precision: as Fabric names them: 32-true, bf16-mixed.

    Raises:
        UserError: this machine has no such devices.
    """
    # `ChunkedBuffers` reduces the buffers itself.
    strategy = DDPStrategy(start_method="spawn", broadcast_buffers=False) if devices > 1 else "auto"
    try:
        return Fabric(accelerator=accelerator, devices=devices, strategy=strategy, precision=precision)
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(
            f"compute.accelerator={accelerator}, compute.devices={devices}: not on this machine ({error})"
        ) from error
