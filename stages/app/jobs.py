"""The jaws of the page: a folder each in the folder of results, and a queue that works on one at a time.

All that is known of a jaw lies in its folder, so that a server that is killed finds everything again:

    20261126-221530-3f9c/
      case.json       what it is, and how far it is
      jaw/, jaw.stl   the pictures, or the scan
      log.txt         what `tenview predict` said
      out/jaw/        what it wrote
      view.json       the page's content (stages/app/view.py)
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scans.errors import UserError
from scans.files import atomic_file
from stages.app.uploads import JAW, Jaw

CASE, LOG, VIEW, OUT = "case.json", "log.txt", "view.json", f"out/{JAW}"
STAGED = ".uploads"  # below the folder of results: what is being dropped
MOST_TRIES = 2  # a jaw with which the server was stopped twice is not tried again by itself
QUEUED, RUNNING, DONE, FAILED, INTERRUPTED = "queued", "running", "done", "failed", "interrupted"


@dataclass
class Case:
    """A jaw and how far it is.

    Attributes:
        id: name of its folder; ids sort by time. name: shown to the user.
        is_scan: whether it is a scan, not pictures.
        files: the names that its files had, by their path below the folder.
        options: of `tenview predict`, by name without dashes.
        notes: what was guessed when it was dropped.
        state: queued, running, done, failed or interrupted. tries: how often it was begun.
        exit_code: of the command; negative for a signal. seconds: that it took.
    """

    id: str
    name: str
    is_scan: bool
    files: dict[str, str]
    options: dict[str, str]
    notes: list[str] = field(default_factory=list)
    state: str = QUEUED
    tries: int = 0
    exit_code: int | None = None
    seconds: float = 0.0


class Jobs:
    """The queue over a folder of results.

    Raises:
        UserError: another server works there.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        results.mkdir(parents=True, exist_ok=True)
        self._lock_file = open(results / ".lock", "w")  # noqa: SIM115  # held as long as the process lives
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{results}: another `tenview app` works here. Open its page, or choose another folder: --results"
            ) from None
        for left in (results / STAGED, *results.glob(".*.gone")):  # by a server that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._changed = threading.Condition(threading.RLock())
        self._process: subprocess.Popen[bytes] | None = None
        self._running = ""
        self._began = 0.0
        self._stopping = False
        self._cases = {case.id: case for case in map(_read, sorted(results.glob(f"*/{CASE}"))) if case}
        for case in self._cases.values():
            if case.state == RUNNING:
                case.state = QUEUED if case.tries < MOST_TRIES else INTERRUPTED
                self._write(case)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin with the work."""
        self._thread.start()

    def stop(self) -> None:
        """End the work; what is not done is queued again at the next start."""
        with self._changed:
            self._stopping = True
            self._kill()
            self._changed.notify()
        self._thread.join()
        self._lock_file.close()

    def folder(self, case_id: str) -> Path:
        """The folder of a known case."""
        return self.results / self._cases[case_id].id

    def all(self) -> list[Case]:
        """All cases, the newest first."""
        with self._changed:
            return [self._cases[case_id] for case_id in sorted(self._cases, reverse=True)]

    def get(self, case_id: str) -> Case | None:
        """A case, None where there is none of this id."""
        return self._cases.get(case_id)

    def waiting_before(self, case: Case) -> int:
        """How many cases come before one that is queued."""
        return sum(each.id < case.id and each.state in (QUEUED, RUNNING) for each in self.all())

    def seconds(self, case: Case) -> float:
        """How long the work on a case has taken, until now where it is going on."""
        return time.monotonic() - self._began if case.state == RUNNING else case.seconds

    def add(self, jaw: Jaw, options: Mapping[str, str]) -> Case:
        """Take a jaw's files, which are moved, and queue it."""
        case_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
        folder = self.results / case_id
        names = {path: dropped.name.name for path, dropped in jaw.files.items()}
        try:
            for path, dropped in jaw.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                dropped.kept.rename(folder / path)
            for path, text in jaw.contents.items():
                (folder / path).write_text(text, encoding="utf-8")
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        case = Case(case_id, jaw.name, jaw.is_scan, names, dict(options) if jaw.is_scan else {}, jaw.notes)
        with self._changed:
            self._cases[case_id] = case
            self._write(case)
            self._changed.notify()
        return case

    def again(self, case: Case) -> None:
        """Queue a case that failed or was interrupted once more."""
        with self._changed:
            if case.state in (FAILED, INTERRUPTED):
                case.state, case.tries = QUEUED, 0
                self._write(case)
                self._changed.notify()

    def delete(self, case: Case) -> None:
        """Remove a case with all its files, and end the work on it."""
        with self._changed:
            self._cases.pop(case.id, None)
            if self._running == case.id:
                self._kill()
        # Renamed first: the child may still write, and a server that starts meanwhile must not find it.
        gone = self.results / f".{case.id}.gone"
        with suppress(FileNotFoundError):
            (self.results / case.id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _write(self, case: Case) -> None:
        with atomic_file(self.results / case.id / CASE) as path:
            path.write_text(json.dumps(asdict(case), indent=1) + "\n", encoding="utf-8")

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _work(self) -> None:
        """Work on the oldest queued case until `stop`."""
        while True:
            with self._changed:
                while not (queued := [each for each in self._cases.values() if each.state == QUEUED]):
                    if self._stopping:
                        return
                    self._changed.wait()
                if self._stopping:
                    return
                case = min(queued, key=lambda each: each.id)
                try:
                    process = self._begin(case)
                except OSError:  # a full disk, or a folder that somebody has removed
                    case.state = FAILED
                    continue
            code = process.wait()
            with self._changed:
                self._process, self._running = None, ""
                if case.id not in self._cases:
                    continue
                if self._stopping and code:
                    case.state, case.tries = QUEUED, 0
                else:
                    case.state = FAILED if code else DONE
                    case.exit_code, case.seconds = code, time.monotonic() - self._began
                with suppress(OSError):
                    self._write(case)

    def _begin(self, case: Case) -> "subprocess.Popen[bytes]":
        """Start the process of a case. It is killed with this thread, even where the server is killed."""
        case.state, case.tries = RUNNING, case.tries + 1
        self._write(case)
        folder = self.results / case.id
        command = [sys.executable, "-m", "stages.app.work", str(folder), str(os.getpid())]
        with open(folder / LOG, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._running, self._began = case.id, time.monotonic()
        return self._process


def _read(path: Path) -> Case | None:
    """A case from its file; None where that is damaged: the folder is left alone then."""
    try:
        case = Case(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return case if case.id == path.parent.name else None
