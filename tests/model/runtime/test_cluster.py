import pytest

from model.runtime.cluster import Launched, launched
from model.runtime.processes import lost_process_as_user_error
from scans.errors import UserError

VARIABLES = ("TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS")
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "5", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
SRUN = {"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "5", "SLURM_NTASKS": "8"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (TORCHRUN, Launched("torchrun", 5, 4, 2)),
        (SRUN, Launched("srun", 5, 4, 2)),
        # A command of the job's script without srun, and srun with a single task.
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}, None),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "1"}, None),
        # torchrun as the one task that srun starts on each of two machines.
        (SRUN | {"SLURM_STEP_NUM_TASKS": "2"} | TORCHRUN, Launched("torchrun", 5, 4, 2)),
    ],
)
def test_who_has_started_this_process(
    variables: dict[str, str], expected: Launched | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched() == expected


def test_a_process_that_is_gone_is_told_and_a_bug_stays_one() -> None:
    with pytest.raises(UserError, match="that srun has started is gone"), lost_process_as_user_error("srun"):
        raise RuntimeError("[pair.cc:534] Connection closed by peer [127.0.0.1]:53456")
    with pytest.raises(RuntimeError, match="a shape is wrong"), lost_process_as_user_error("srun"):
        raise RuntimeError("a shape is wrong")
