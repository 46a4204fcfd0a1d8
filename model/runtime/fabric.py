"""Devices of a training: the CPU, one GPU, or several processes."""

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning_fabric.strategies import DDPStrategy

from model.runtime.cluster import launched
from scans.errors import UserError


def new_fabric(*, accelerator: str, devices: int, precision: str) -> Fabric:
    """Lightning Fabric, ready for `fabric.launch(function, ...)`, which calls `function(fabric, ...)` in each process.

    Processes that torchrun or srun has started are used as they are, whatever their number; `devices` is then ignored.

    Args:
        accelerator: auto, cpu or cuda.
        devices: processes; on CUDA each has a GPU.
        precision: as Fabric names them: 32-true, bf16-mixed.

    Raises:
        UserError: this machine has no such devices, or srun was not told how many processes a machine has.
    """
    cluster, machines, started = launched(), 1, f"compute.devices={devices}"
    environment: ClusterEnvironment = LightningEnvironment()  # named, for Fabric takes a whole job of SLURM's for one
    if cluster:
        devices, machines = cluster.processes, cluster.machines
        started = f"{cluster.by} with {devices} processes on {machines} machines"
    try:
        if cluster:
            environment = (
                TorchElasticEnvironment() if cluster.by == "torchrun" else SLURMEnvironment(auto_requeue=False)
            )
        # `ChunkedBuffers` reduces the buffers itself.
        several = DDPStrategy(start_method="popen" if cluster else "spawn", broadcast_buffers=False)
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=machines,
            strategy=several if cluster or devices > 1 else "auto",
            precision=precision,
            plugins=[environment],
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"compute.accelerator={accelerator}, {started}: not on this machine ({error})") from error
