"""Progress of long work: a bar on a terminal, plain lines elsewhere. All of it goes to stderr."""

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0
LINE = re.compile(r"(?P<what>.+): (?P<done>\d+) of (?P<total>\d+), ")  # how a line of `steps` or `track` begins


def say(message: str) -> None:
    """One plain line for the user."""
    print(message, file=sys.stderr, flush=True)


def track(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Yield the items and show how many of `total` are done."""
    with steps(what) as show:
        for done, item in enumerate(items, start=1):
            yield item
            show(done, total, "")


@contextmanager
def steps(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yields `show(done, total, note)`, to be called after each step; it shows the time left too."""
    with _bar(what) if sys.stderr.isatty() else _lines(what) as show:
        yield show


@contextmanager
def transfer(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yields `show(done, total)` in bytes, to be called as they come; it shows rate and time left too."""
    if sys.stderr.isatty():
        with _bar(what, DownloadColumn(), TransferSpeedColumn()) as show:
            yield lambda done, total: show(done, total, "")
    else:
        yield _transfer_lines(what)


@contextmanager
def _bar(what: str, *amounts: ProgressColumn) -> Iterator[Callable[[int, int, str], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *(amounts or [MofNCompleteColumn()]),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, note="")
        yield lambda done, total, note: bar.update(task, completed=done, total=total, note=note)


@contextmanager
def _lines(what: str) -> Iterator[Callable[[int, int, str], None]]:
    started = last = time.monotonic()

    def show(done: int, total: int, note: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= SECONDS_BETWEEN_LINES:
            left = (now - started) / done * (total - done)
            say(f"{what}: {done} of {total}, {now - started:.0f} s, {left:.0f} s left{note and ', '}{note}")
            last = now

    yield show


def _transfer_lines(what: str) -> Callable[[int, int], None]:
    started = last = time.monotonic()
    before: int | None = None  # bytes of an earlier run do not count for the rate

    def show(done: int, total: int) -> None:
        nonlocal last, before
        now = time.monotonic()
        before = done if before is None else min(before, done)
        if done == total or now - last >= SECONDS_BETWEEN_LINES:
            rate = (done - before) / max(now - started, 1e-3)
            left = f"{(total - done) / rate:.0f} s left" if rate else "stalled"
            say(f"{what}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s, {left}")
            last = now

    return show
