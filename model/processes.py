"""Starts a training in its processes, and brings back what went wrong in one of them."""

import signal
from collections.abc import Callable
from typing import Any, TypeVar

from lightning_fabric import Fabric
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from model.stopping import Stopped, stop_on_signals
from scans.errors import UserError

R = TypeVar("R")


def launch(fabric: Fabric, function: Callable[..., R], *arguments: Any) -> R:
    """`function(fabric, *arguments)` in each of Fabric's processes; the result is that of the first.

    Args:
        function: at the top level of a module, for the processes import it.

    Raises:
        UserError: one of them raised it, or was killed.
        Stopped: they ended for a signal.
    """
    if fabric._strategy.launcher is None:
        return function(fabric, *arguments)
    with stop_on_signals() as stop:
        try:
            return fabric.launch(function, *arguments)
        except ProcessRaisedException as error:
            if stop.signal or "model.stopping.Stopped" in str(error):
                raise Stopped(stop.signal or signal.SIGTERM) from None
            _, named, message = str(error).rpartition("scans.errors.UserError: ")
            if named:
                raise UserError(message.strip()) from None
            raise
        except ProcessExitedException as error:
            if stop.signal:
                raise Stopped(stop.signal) from None
            raise UserError(
                f"training: process {error.error_index} was killed, most likely for lack of memory. Lower "
                "compute.devices or train.batch_size"
            ) from None
