"""Processes that torchrun or SLURM's srun has started for one training, read from the variables that these set."""

import os
from typing import NamedTuple


class Launched(NamedTuple):
    """This process among those of a training.

    Attributes:
        by: torchrun or srun.
        rank: its number among all of them, from 0.
        processes: on each machine.
        machines: that take part.
    """

    by: str
    rank: int
    processes: int
    machines: int


def launched() -> Launched | None:
    """How this process was started for a training of several; None if by neither.

    Within a job of SLURM's, a process that the job's script starts by itself is one alone, whatever SLURM_NTASKS says.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        processes = int(os.environ["LOCAL_WORLD_SIZE"])
        return Launched("torchrun", int(os.environ["RANK"]), processes, int(os.environ["WORLD_SIZE"]) // processes)
    if (tasks := int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))) > 1:
        machines = int(os.environ["SLURM_STEP_NUM_NODES"])
        return Launched("srun", int(os.environ["SLURM_PROCID"]), tasks // machines, machines)
    return None
