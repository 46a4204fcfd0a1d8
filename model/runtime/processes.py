"""Starts a training in its processes, and brings back what went wrong in one of them."""

import signal
from collections.abc import Callable
from typing import Any, TypeVar

from lightning_fabric import Fabric
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from model.runtime.stopping import Stopped, stop_on_signals
from scans.errors import UserError

R = TypeVar("R")


class _Call:
    """The call of a function with all but Fabric, in one piece: Fabric would look for tensors in the arguments."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def __call__(self, fabric: Fabric) -> Any:
        return self.function(fabric, *self.arguments)


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
            return fabric.launch(_Call(function, arguments))
        except ProcessRaisedException as error:
            if stop.signal or _qualified(Stopped) in str(error):
                raise Stopped(stop.signal or signal.SIGTERM) from None
            _, named, message = str(error).rpartition(f"{_qualified(UserError)}: ")
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


def _qualified(error: type[BaseException]) -> str:
    """The name under which a traceback shows an exception; another process's reaches this one as text alone."""
    return f"{error.__module__}.{error.__qualname__}"
