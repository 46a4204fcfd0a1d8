"""Parallel work that a worker's death does not end."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import TypeVar

from scans.errors import UserError
from stages.params.tree import ComputeParams
from stages.runtime.map_ordered import map_ordered, under_way
from stages.runtime.process_pool import process_pool
from stages.runtime.progress import say

T = TypeVar("T")
R = TypeVar("R")


def map_surviving(
    function: Callable[[T], R], items: Sequence[T], lost: Callable[[T], R], *, compute: ComputeParams, what: str
) -> Iterator[R]:
    """`map_ordered`, but an item whose worker process dies has the result `lost(item)`.

    What was at work in that moment is done again, each item in a process of its own, and then all go on together.

    Args:
        function: pickable; raises nothing.
    """
    remaining = list(items)
    while remaining:
        try:
            for result in map_ordered(function, tuple(remaining), compute=compute, what=what):
                yield result
                del remaining[0]
            return
        except UserError as error:
            suspects = remaining[: under_way(compute, len(remaining))]
            say(f"{error} Up to {len(suspects)} are done again, one at a time")
        for item in suspects:
            try:
                with process_pool(1) as pool:
                    yield pool.submit(function, item).result()
            except BrokenExecutor:
                yield lost(item)
            del remaining[0]
