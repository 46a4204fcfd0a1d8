"""Starts a training in its processes, and raises in this one what went wrong in another."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lightning_fabric import Fabric
from torch.distributed import DistBackendError
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from model.runtime.cluster import launched
from model.runtime.stopping import Stopped, stop_on_signals
from scans.errors import UserError

R = TypeVar("R")
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe")  # in Gloo's words


def launch(fabric: Fabric, function: Callable[..., R], *arguments: Any) -> R:
    """Call `function(fabric, *arguments)` in each of Fabric's processes; returns the result of the first.

    Args:
        function: at the top level of a module, for the processes import it.

    Raises:
        UserError: one of them raised it, or was killed.
        Stopped: they ended for a signal.
    """
    if fabric._strategy.launcher is None:
        return function(fabric, *arguments)
    if started := launched():
        with lost_process_as_user_error(started.by):
            return fabric.launch(function, *arguments)
    with stop_on_signals() as stop, tempfile.TemporaryDirectory() as folder:
        try:
            return fabric.launch(_Call(function, arguments, Path(folder)))
        except ProcessRaisedException:
            errors = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
            # A process that is stopped makes others fail, which wait for it.
            for error in errors:
                if "signal" in error:
                    raise Stopped(stop.signal or error["signal"]) from None
            if stop.signal:
                raise Stopped(stop.signal) from None
            for error in errors:
                raise UserError(error["message"]) from None
            raise
        except ProcessExitedException as error:
            if stop.signal:
                raise Stopped(stop.signal) from None
            raise UserError(
                f"training: process {error.error_index} was killed, most likely for lack of memory. Lower "
                "compute.devices or train.batch_size"
            ) from None


@contextmanager
def lost_process_as_user_error(by: str) -> Iterator[None]:
    """Within the block the end of another process, which this one finds at their next exchange, becomes a UserError."""
    try:
        yield
    except RuntimeError as error:
        # NCCL's has a class of its own; Gloo's is a plain RuntimeError.
        if not isinstance(error, DistBackendError) and not any(text in str(error) for text in LOST):
            raise
        raise UserError(
            f"training: another of the processes that {by} has started is gone; if it says nothing itself, it was "
            "killed, most likely for lack of memory. Start the training again: it goes on"
        ) from None


class _Call:
    """Bundles `function` and its arguments in one picklable callable.

    Fabric.launch moves every tensor that it finds among the arguments, and brings an exception of another process back
    as the text of its traceback. So what a process raises for the user is written to a file in `folder`, too.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], folder: Path) -> None:
        self.function, self.arguments, self.folder = function, arguments, folder

    def __call__(self, fabric: Fabric) -> Any:
        try:
            return self.function(fabric, *self.arguments)
        except Stopped as stopped:
            self._write(fabric, {"signal": int(stopped.signal)})
            raise
        except UserError as error:
            self._write(fabric, {"message": str(error)})
            raise

    def _write(self, fabric: Fabric, error: dict[str, Any]) -> None:
        path = self.folder / f"{fabric.global_rank}.json"
        path.with_suffix(".partial").write_text(json.dumps(error), encoding="utf-8")
        path.with_suffix(".partial").rename(path)
