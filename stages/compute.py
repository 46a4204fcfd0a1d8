"""Parallel work on many cases: one function, results in order, any number of worker processes."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from scans.errors import UserError
from stages.progress import track

T = TypeVar("T")
R = TypeVar("R")

PR_SET_PDEATHSIG = 1


def map_ordered(function: Callable[[T], R], items: Sequence[T], *, workers: int, what: str) -> Iterator[R]:
    """Apply a pickable function to each item; yield the results in the items' order, with progress.

    Args:
        workers: number of processes, 0 for one per core that this process may use.
    Raises:
        UserError: a worker died (out of memory, most likely); what the function raised is raised here as it is.
    """
    workers = min(workers or len(os.sched_getaffinity(0)), len(items))
    if workers <= 1:
        yield from track(map(function, items), len(items), what)
        return
    # Spawn: no inherited GL context, threads or locks.
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (os.getpid(),))
    try:
        yield from track(executor.map(function, items), len(items), what)
    except BrokenProcessPool:
        raise UserError(
            f"{what}: a worker process died, most likely for lack of memory. Lower compute.workers in params.yaml."
        ) from None
    except KeyboardInterrupt:
        # What they have half-written is no file yet, and nobody wants to wait for the rest of it.
        for worker in multiprocessing.active_children():
            worker.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        # A stage killed with SIGKILL can't tell its workers; the kernel does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
