"""`tenview` in a process of its own that need not import PyTorch.

A small stage takes a second, and importing PyTorch three. So the process is forked from one that has imported it
(`multiprocessing`'s fork server), and then does what the program does. tests/test_pipeline.py, tests/stages/test_cli.py
and others start the program itself.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORK_SERVER = multiprocessing.get_context("forkserver")
_FORK_SERVER.set_forkserver_preload(
    ["lightning_fabric", "model.networks.registry", "model.training.loop", "numba", "pyarrow.parquet", "stages.cli"]
)


@dataclass(frozen=True)
class Started:
    """A `tenview` at work, the leader of a process group.

    Attributes:
        process: with its `pid` and, once it has ended, its `exitcode`, negative for a signal.
        output: file of what it says.
    """

    process: BaseProcess
    output: Path

    def wait(self, timeout: float = 500) -> str:
        """What it has said until it ended; one that takes longer is killed with all that it has started."""
        self.process.join(timeout)
        late = self.process.exitcode is None
        if late:
            assert self.process.pid is not None
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()
        said = self.output.read_text()
        self.output.unlink()
        if late:
            raise subprocess.TimeoutExpired("tenview", timeout, said)
        return said


def start(folder: Path, *arguments: object) -> Started:
    """Start `tenview ARGUMENTS` in the folder."""
    number, output = tempfile.mkstemp(prefix="tenview-said-")
    os.close(number)
    words = ["tenview", *map(str, arguments)]
    process = _FORK_SERVER.Process(target=_main, args=(words, folder, dict(os.environ), output))
    process.start()
    return Started(process, Path(output))


def tenview(folder: Path, *arguments: object, fails: bool = False) -> str:
    """What `tenview ARGUMENTS` says in the folder; it must end well, or with a message and no traceback."""
    started = start(folder, *arguments)
    said = started.wait()
    assert started.process.exitcode == (1 if fails else 0), f"{arguments}: exit code {started.process.exitcode}\n{said}"
    assert "Traceback" not in said
    return said


def _main(words: list[str], folder: Path, environment: dict[str, str], output: str) -> None:
    from stages.cli import main

    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    for stream in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
    sys.argv = words
    main()
