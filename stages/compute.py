"""Parallel work on many cases: one function, results in order, by any number of workers of any kind."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from scans.errors import UserError
from stages.params import Compute
from stages.progress import track

T = TypeVar("T")
R = TypeVar("R")

PR_SET_PDEATHSIG = 1
SECONDS_BETWEEN_CHECKS = 1.0


@dataclass(frozen=True)
class Pool:
    """Workers that are ready.

    Attributes:
        submit: as an executor's; the future raises BrokenExecutor where workers died.
        workers: how many tasks run at once.
        check: called now and then while a result is waited for; raises BrokenExecutor where none can come.
    """

    submit: Callable[..., Future[Any]]
    workers: int
    check: Callable[[], None]


def map_ordered(function: Callable[[T], R], items: Sequence[T], *, compute: Compute, what: str) -> Iterator[R]:
    """Apply a pickable function to each item; yield the results in the items' order, with progress.

    At most four results a worker wait for the one that is next.

    Raises:
        UserError: a worker died (out of memory, most likely), or the Dask cluster can't be used; what the function
            raised is raised here as it is.
    """
    workers = min(compute.workers or len(os.sched_getaffinity(0)), len(items))
    if compute.executor == "processes" and workers <= 1:
        yield from track(map(function, items), len(items), what)
        return
    try:
        with _pool(compute, workers) as pool:
            yield from track(_results(pool, function, items), len(items), what)
    except BrokenExecutor:
        raise UserError(
            f"{what}: a worker process died, most likely for lack of memory. Lower compute.workers in params.yaml."
        ) from None


def _pool(compute: Compute, workers: int) -> AbstractContextManager[Pool]:
    if compute.executor == "processes":
        return _processes(workers)
    from stages.dask_pool import dask_pool

    return dask_pool(compute.scheduler, workers)


def _results(pool: Pool, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 4 * pool.workers:
            yield _result(pool, waiting.popleft())
    while waiting:
        yield _result(pool, waiting.popleft())


def _result(pool: Pool, future: "Future[R]") -> R:
    while not wait([future], SECONDS_BETWEEN_CHECKS).done:
        pool.check()
    return future.result()


@contextmanager
def _processes(workers: int) -> Iterator[Pool]:
    # Spawn: no inherited GL context, threads or locks.
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (os.getpid(),))
    try:
        yield Pool(executor.submit, workers, lambda: None)
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
