"""Runs DVC and reads what it says, stage by stage; nothing of it outlives the run."""

import contextlib
import fcntl
import io
import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import psutil

from flows import guard
from scans.errors import UserError
from stages.runtime.system import DVC

SECONDS_TO_END = 6.0
SECONDS_BETWEEN_REDRAWS = 10.0  # of a progress bar that is drawn again and again on one line

SECONDS_BETWEEN_LOOKS = 0.5  # at the locks of other DVC processes

_BLOCKER = re.compile(r"\s*\(PID (\d+)\): ")  # of the lines that follow `is busy, it is being blocked by`
# What DVC says when it comes to a stage, and what became of the stage then.
_STAGE = {
    re.compile(r"Running stage '(\w+)'"): "ran",
    re.compile(r"Stage '(\w+)' didn't change"): "unchanged",
    re.compile(r"Stage '(\w+)' is cached"): "restored",
}


@dataclass(frozen=True)
class Ran:
    """What became of a stage: `ran`, `unchanged` or `restored` (from DVC's cache)."""

    stage: str
    outcome: str
    seconds: float


class Dvc:
    """One `dvc` command: a context manager that starts it, and ends it with all its processes."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.code: int | None = None  # the exit code, once it has ended
        self.last_lines: deque[str] = deque(maxlen=8)
        self._next: str | None = None

    def __enter__(self) -> "Dvc":
        # Whatever Python runs below writes its lines at once; `tenview` is found without an activated environment.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._process = guard.start(
            [DVC, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
        )
        self._lines = read_lines(self._process)
        self.code, self._next = None, None
        self.last_lines.clear()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # on which the guard ends the group, if it still runs
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:  # a process that even SIGKILL can't end waits in the kernel
            self._process.kill()

    def again(self) -> None:
        """Start the same command again after it has failed."""
        self.__exit__()
        self.__enter__()

    def before_stage(self) -> Iterator[str]:
        """The lines up to the next line about a stage, or to the end.

        Where another DVC came in between two stages it is waited for, and the command starts again.
        """
        while True:
            for line in self._lines:
                self.last_lines.append(line)
                if stage_of(line):
                    self._next = line
                    return
                yield line
            self._next = None
            self.code = self._process.wait()
            if not (self.code and self._was_blocked()):
                return
            waits: list[str] = []
            wait_for_others(waits.append)
            yield from waits
            self.again()

    def _was_blocked(self) -> bool:
        """Whether another DVC, not one that died long ago, is why it failed."""
        found = [int(match[1]) for line in self.last_lines if (match := _BLOCKER.match(line))]
        return bool(found) and all(is_dvc(pid) or not psutil.pid_exists(pid) for pid in found)

    def stage(self) -> tuple[str, str] | None:
        """Name and outcome of the stage that DVC has come to; None at the end."""
        return stage_of(self._next) if self._next else None


def stage_of(line: str) -> tuple[str, str] | None:
    """Stage and outcome, where DVC's line tells that it has come to a stage."""
    for pattern, outcome in _STAGE.items():
        if found := pattern.match(line):
            return found[1], outcome
    return None


def read_lines(process: "subprocess.Popen[bytes]", clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """The process's lines as they come, without empty ones; of a line that is drawn again and again, one in 10 s."""
    assert process.stdout
    drawn = -SECONDS_BETWEEN_REDRAWS
    for line in io.TextIOWrapper(process.stdout, encoding="utf-8", errors="replace", newline=""):
        if line.endswith("\r"):
            if clock() - drawn < SECONDS_BETWEEN_REDRAWS:
                continue
            drawn = clock()
        if text := line.rstrip():
            yield text


def output(*arguments: str) -> str:
    """What a short `dvc` command prints.

    Raises:
        UserError: it failed; the message is DVC's own.
    """
    ended = subprocess.run([DVC, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise UserError(f"dvc {' '.join(arguments)}: {ended.stderr.strip()}")
    return ended.stdout


def wait_for_others(tell: Callable[[str], object]) -> None:
    """Wait until no other DVC works in this folder; `tell` what is waited for.

    While a stage runs DVC holds its files alone (.dvc/tmp/rwlock), at all other times the project (.dvc/tmp/lock).
    """
    told = ""
    while other := _holder():
        if other != told:
            tell(f"waiting for {other}")
            told = other
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _holder() -> str:
    """What DVC runs here, in words; empty if none does."""
    with contextlib.suppress(OSError, ValueError):
        held = json.loads(Path(".dvc/tmp/rwlock").read_text())
        by = [*held.get("write", {}).values(), *chain.from_iterable(held.get("read", {}).values())]
        for holder in by:
            if is_dvc(holder["pid"]):
                return f"process {holder['pid']}: dvc {holder['cmd']}"
    with contextlib.suppress(FileNotFoundError), open(".dvc/tmp/lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "another dvc"
    return ""


def is_dvc(pid: int) -> bool:
    """Whether a process is DVC's; DVC itself takes any process that has the number now for it."""
    with contextlib.suppress(psutil.Error):
        return any("dvc" in word for word in psutil.Process(pid).cmdline())
    return False
