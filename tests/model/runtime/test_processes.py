"""Exceptions across processes: real ones, two at a time."""

import signal

import pytest
from lightning_fabric import Fabric

from model.runtime.fabric import new_fabric
from model.runtime.processes import launch
from model.runtime.stopping import Stopped
from scans.errors import ScanError, UserError

pytestmark = pytest.mark.slow
# As a traceback shows a UserError, on two lines, and the name of another exception.
HARD = "model.runtime.stopping.Stopped: scans.errors.UserError: a\nb: scans.errors.UserError: c"


def _raise(fabric: Fabric, error: BaseException, rank: int) -> str:
    if fabric.global_rank == rank:
        raise error
    fabric.barrier()
    return "done"


@pytest.mark.parametrize(("rank", "error"), [(0, ScanError("scan.obj: torn")), (1, UserError(HARD))])
def test_a_user_error_arrives_with_its_whole_message(rank: int, error: UserError) -> None:
    fabric = new_fabric(accelerator="cpu", devices=2, precision="32-true")
    with pytest.raises(UserError) as caught:
        launch(fabric, _raise, error, rank)
    assert str(caught.value) == str(error)


def test_a_stop_arrives_with_its_signal() -> None:
    fabric = new_fabric(accelerator="cpu", devices=2, precision="32-true")
    with pytest.raises(Stopped) as caught:
        launch(fabric, _raise, Stopped(signal.SIGINT), 1)
    assert caught.value.signal == signal.SIGINT


def test_a_bug_is_no_message_for_the_user() -> None:
    fabric = new_fabric(accelerator="cpu", devices=2, precision="32-true")
    with pytest.raises(Exception, match=r"ValueError: scans\.errors\.UserError: a bug") as caught:
        launch(fabric, _raise, ValueError("scans.errors.UserError: a bug"), 1)
    assert not isinstance(caught.value, UserError)
