"""SIGTERM and Ctrl-C in a training: they are noted, and the loop ends where it can be resumed."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):  # noqa: N818 - no error
    """A signal has ended the training; its state is saved.

    Attributes:
        signal: its number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class Stop:
    """The signal that was received, 0 for none yet."""

    signal = 0


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Within the block the first SIGTERM or SIGINT is only noted; a second one acts as usual.

    In the main thread alone; elsewhere Python knows no handlers, and nothing is noted.
    """
    stop = Stop()
    before: dict[signal.Signals, Any] = {}

    def note(number: int, _: FrameType | None) -> None:
        stop.signal = number
        for each in SIGNALS:
            signal.signal(each, before[each])
        for child in multiprocessing.active_children():  # those that train side by side
            child.terminate()

    with suppress(ValueError):
        before.update({each: signal.signal(each, note) for each in SIGNALS})
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
