"""Workers of a Dask cluster: one that runs already, on any number of machines, or one of our own on this machine."""

import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from scans.compiled import code_digest
from scans.errors import UserError
from stages.runtime.pool import Pool
from stages.runtime.workspace import HIDDEN

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")

# Of the code that tasks run. Taken when this module is loaded: a worker that runs for long has loaded older code.
CODE = code_digest(("model", "renderers", "scans", "stages"))
SECONDS_TO_CONNECT = 5
SECONDS_WITHOUT_WORKERS = 30.0


@contextmanager
def dask_pool(scheduler: str, workers: int) -> Iterator[Pool]:
    """The workers of a cluster, checked.

    Tasks run in this process's folder, which the workers must share under the same path, and with the same code. A
    task whose worker dies is done again by another.

    Args:
        scheduler: its address; empty starts `workers` processes here, which end with the block or with this process.

    Raises:
        UserError: Dask is not installed, there is no scheduler, it has no worker, or a worker can't do our tasks.
        BrokenExecutor: workers died again and again, or none is left.
    """
    try:
        from distributed import Client, LocalCluster
        from distributed.comm.addressing import get_address_host_port
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise UserError(
            "compute.executor=dask needs a package that is not installed. Run "
            "`pip install -c constraints.txt -e '.[dask]'`, or set compute.executor to processes."
        ) from None

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is raised
    with ExitStack() as stack:
        if not scheduler:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=max(workers, 1),
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
            )
        try:
            if scheduler:  # a client that can't connect tries for long, and to close it takes longer still
                address = get_address_host_port(scheduler)
                socket.create_connection(address, timeout=SECONDS_TO_CONNECT).close()
            client = stack.enter_context(Client(scheduler or cluster, timeout=SECONDS_TO_CONNECT))
        except (OSError, ValueError) as error:
            raise UserError(
                f"compute.scheduler={scheduler}: no Dask scheduler answers there ({error}). Start one with "
                "`dask scheduler`, or leave compute.scheduler empty to use this machine alone."
            ) from None
        _check_workers(client, scheduler)
        if not scheduler:
            client.run(_ignore_interrupts)
        executor = client.get_executor(pure=False)
        try:
            yield Pool(partial(executor.submit, _run, Path.cwd()), len(client.nthreads()), _watch(client))
        except (KilledWorker, CancelledError) as error:
            raise BrokenExecutor(str(error)) from None
        finally:
            executor.shutdown(wait=False)  # what waits is cancelled


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def _run(folder: Path, function: Callable[[T], R], item: T) -> R:
    os.chdir(folder)
    return function(item)


def _check_workers(client: "Client", scheduler: str) -> None:
    """Stop early, and with a reason, where tasks would fail or change the results."""
    threads = client.nthreads()
    if not threads:
        raise UserError(f"compute.scheduler={scheduler}: no worker. Start some with `dask worker {scheduler}`.")
    marker = Path.cwd() / HIDDEN / f"cluster-{secrets.token_hex(8)}"
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    try:
        answers = client.run(_look, marker, on_error="return")
    finally:
        marker.unlink()
    for address, answer in answers.items():
        where = f"compute.scheduler={scheduler}: the worker {address}"
        if isinstance(answer, BaseException):
            raise UserError(f"{where} can't run Tenview ({answer}). Install this project in its environment.")
        sees_marker, code = answer
        if not sees_marker:
            raise UserError(f"{where} can't see {marker.parent}. Share this folder with it, under the same path.")
        if code != CODE:
            raise UserError(f"{where} has other code of Tenview. Restart it after installing this project's code.")
        if threads[address] != 1:
            raise UserError(f"{where} has {threads[address]} threads. Start it with `--nthreads 1 --nworkers auto`.")


def _look(marker: Path) -> tuple[bool, str]:
    """What a worker sees of the project's folder, and the digest of its code."""
    return marker.exists(), CODE


def _watch(client: "Client") -> Callable[[], None]:
    """A check that fails once no worker has been there for a while; Dask itself would wait for ever."""
    missing_since: float | None = None

    def check() -> None:
        nonlocal missing_since
        if client.nthreads():
            missing_since = None
        elif missing_since is None:
            missing_since = time.monotonic()
        elif time.monotonic() - missing_since > SECONDS_WITHOUT_WORKERS:
            raise BrokenExecutor("no worker is left")

    return check
