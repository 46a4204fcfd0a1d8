"""Ties processes to each other, so that none outlives the one that it works for.

`start` runs a command in a process group of its own, and ends the whole group when its starter dies or lets go.
DVC starts a stage through a shell, and the stage starts workers; a DVC that is killed leaves them running. The starter
keeps the writing end of this process's stdin. The kernel closes it when the starter ends, even by SIGKILL, so that
nothing is left behind. Started as `python -m flows.guard COMMAND ...`; it imports next to nothing, to start at once.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

from stages.runtime.system import end_with_parent

SECONDS_TO_REPORT = 10.0  # in which a run whose runner died ends DVC and tells the server, if there is still one
# First what Ctrl-C sends, on which stages tidy up; each with the seconds to wait: 5 of the 10 that a cancelled run has.
SIGNALS = ((signal.SIGINT, 3.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))


def start(command: list[str], **options: object) -> "subprocess.Popen[bytes]":
    """Start the command under a guard, in the caller's folder; close the returned process's stdin to end it all."""
    return subprocess.Popen(
        [sys.executable, "-m", "flows.guard", *command],
        stdin=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is the starter's to handle
        **options,  # type: ignore[call-overload]
    )


def end_with_runner() -> None:
    """Have this flow's process ended when its runner dies, which could no longer cancel it; no runner, nothing."""
    if sys.platform == "linux" and "PREFECT__FLOW_RUN_ID" in os.environ:
        runner = os.getppid()
        end_with_parent(signal.SIGTERM, runner)
        threading.Thread(target=_end_after, args=(runner,), daemon=True).start()


def _end_after(runner: int) -> None:
    """Prefect tries for a minute to reach a server that died with the runner."""
    while os.getppid() == runner:
        time.sleep(1)
    time.sleep(SECONDS_TO_REPORT)
    os.kill(os.getpid(), signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run the command until it ends or stdin is closed; returns its exit code."""
    leader = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_on_release, args=(leader,), daemon=True).start()
    code = leader.wait()
    _end_group(leader)  # whatever it left running
    return abs(code)


def _end_on_release(leader: "subprocess.Popen[bytes]") -> None:
    os.read(0, 1)  # unbuffered: a lock on sys.stdin would be in the way when this process ends
    _end_group(leader)


def _end_group(leader: "subprocess.Popen[bytes]") -> None:
    for number, patience in SIGNALS:
        until = time.monotonic() + patience
        with contextlib.suppress(ProcessLookupError):  # nobody is left
            os.killpg(leader.pid, number)
            while time.monotonic() < until:
                leader.poll()
                os.killpg(leader.pid, 0)
                time.sleep(0.05)
            continue
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
