"""Real processes: what a guard must end is what a killed starter leaves."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows import guard

# Tells its child's id, and both go on for ever; the child does what the argument says.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1] + "; import time; print(1, flush=True); time.sleep(600)"],
                         stdout=subprocess.PIPE)
child.stdout.read(1)
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = "import signal; [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]"


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_commands(code: int) -> None:
    process = guard.start([sys.executable, "-c", f"raise SystemExit({code})"])
    assert process.wait(20) == code


def test_a_command_that_a_signal_ended_has_failed() -> None:
    process = guard.start([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert process.wait(20) != 0


@pytest.mark.parametrize("child", ["pass", STUBBORN])
def test_letting_go_ends_grandchildren(child: str) -> None:
    process = guard.start([sys.executable, "-c", FAMILY, child], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout
    assert process.stdin
    grandchild = psutil.Process(int(process.stdout.readline()))
    process.stdin.close()
    assert process.wait(20) != 0
    psutil.wait_procs([grandchild], 5)
    assert not alive(grandchild)


def test_a_starter_that_is_killed_takes_all_with_it(project: Path) -> None:
    starter = (
        "import sys, subprocess; from flows import guard\n"
        f"p = guard.start([sys.executable, '-c', {FAMILY!r}, 'pass'], stdout=subprocess.PIPE)\n"
        "print(p.pid, p.stdout.readline().decode(), flush=True); p.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout
    left = [psutil.Process(int(number)) for number in process.stdout.readline().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs(left, 10)
    assert not [each for each in left if alive(each)]


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that nobody has waited for does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
