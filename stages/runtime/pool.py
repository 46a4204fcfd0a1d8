"""What a parallel backend offers to `map_ordered`."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any


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
