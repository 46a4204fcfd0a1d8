"""Parallel work on many cases: one function, results in order, by any number of workers of any kind."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from scans.errors import UserError
from stages.params.tree import ComputeParams
from stages.runtime.pool import Pool
from stages.runtime.process_pool import process_pool
from stages.runtime.progress import track

T = TypeVar("T")
R = TypeVar("R")

SECONDS_BETWEEN_CHECKS = 1.0
WAITING = 4  # results a worker, at most, that wait for the one that is next


@dataclass
class _Kept:
    """Workers that several calls share, and how they end; none before the first call that needs them."""

    stack: ExitStack
    pool: Pool | None = None


_KEPT: ContextVar[_Kept | None] = ContextVar("_KEPT", default=None)


@contextmanager
def kept_workers() -> Iterator[None]:
    """Within the block the calls of `map_ordered`, all with one `compute`, share workers, which import things once."""
    with ExitStack() as stack:
        token = _KEPT.set(_Kept(stack))
        try:
            yield
        finally:
            _KEPT.reset(token)


def map_ordered(function: Callable[[T], R], items: Sequence[T], *, compute: ComputeParams, what: str) -> Iterator[R]:
    """Apply a pickable function to each item; yield the results in the items' order, with progress.

    At most WAITING results a worker wait for the one that is next.

    Raises:
        UserError: a worker died (out of memory, most likely), or the Dask cluster can't be used; what the function
            raised is raised here as it is.
    """
    workers = _workers(compute, len(items))
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


def under_way(compute: ComputeParams, count: int) -> int:
    """How many of so many items are handed out at a time, at most."""
    return min(WAITING * _workers(compute, count) + 1, count)


def _workers(compute: ComputeParams, count: int) -> int:
    return min(_most_workers(compute), count)


def _most_workers(compute: ComputeParams) -> int:
    return compute.workers or len(os.sched_getaffinity(0))


def _pool(compute: ComputeParams, workers: int) -> AbstractContextManager[Pool]:
    kept = _KEPT.get()
    if kept is None:
        return _new_pool(compute, workers)
    if kept.pool is None:
        kept.pool = kept.stack.enter_context(_new_pool(compute, _most_workers(compute)))
    return nullcontext(kept.pool)


def _new_pool(compute: ComputeParams, workers: int) -> AbstractContextManager[Pool]:
    if compute.executor == "processes":
        return process_pool(workers)
    from stages.runtime.dask_pool import dask_pool

    return dask_pool(compute.scheduler, workers)


def _results(pool: Pool, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > WAITING * pool.workers:
            yield _result(pool, waiting.popleft())
    while waiting:
        yield _result(pool, waiting.popleft())


def _result(pool: Pool, future: "Future[R]") -> R:
    while not wait([future], SECONDS_BETWEEN_CHECKS).done:
        pool.check()
    return future.result()
