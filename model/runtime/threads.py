"""Threads of PyTorch's operations on the CPU: how many, and how they wait for each other.

Between two parallel operations OpenMP's threads spin: each keeps its core busy until the last one is done, for a sleep
and a wake-up take longer than most operations. Where another process needs a core, this is ruinous. The spinning
threads use up the time that the operating system grants them, one is put aside for milliseconds in each of a step's
thousand operations, and all others spin until it is back: a training with a thread on each of two cores, beside one
busy process, ran at a twentieth of one core's speed. Waiting asleep costs a quarter where the cores are free, and does
not help within an operation of oneDNN or MKL, whose own barriers spin. So one core is left to others from the start.

How threads wait follows what is free then. GNU's OpenMP, which PyTorch brings along, takes no other policy once it is
loaded, but it spins 3,000 times less while a process has more OpenMP threads than cores (libgomp's manual,
GOMP_SPINCOUNT). So while others use the cores, further teams of threads are held that do nothing. No result depends on
it.
"""

import math
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from model.runtime.cgroup import cpu_quota

SECONDS = 1.0  # between two looks at what others use
CROWDED = 0.2  # cores that all together want and lack, from which on threads are to sleep
POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # who has set one of these has chosen


def thread_count(processes: int) -> int | None:
    """Threads for each of so many processes on this machine; None where OMP_NUM_THREADS decides.

    One for each core but one, which is left to whatever else runs: of two cores with another busy process on one, a
    training with two threads makes half to two thirds of the steps that it makes with one, and a fifth to two fifths
    more where nothing else runs. No more than the processor time that a container may use: what goes beyond it is
    stopped for most of each tenth of a second.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return None
    return max(1, int(min(torch.get_num_threads() - 1, cpu_quota() or math.inf) // processes))


@contextmanager
def sleeping_while_crowded() -> Iterator[None]:
    """Within the block OpenMP's threads wait asleep while other processes need the cores too; on Linux alone."""
    stat = Path("/proc/stat")
    if torch.get_num_threads() == 1 or any(name in os.environ for name in POLICIES) or not stat.exists():
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(stat, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(stat: Path, ended: threading.Event) -> None:
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    teams: ThreadPoolExecutor | None = None
    used = busy_seconds(stat.read_text(), cores) - time.process_time()
    at = time.monotonic()
    while not ended.wait(SECONDS):
        used_before, before = used, at
        used, at = busy_seconds(stat.read_text(), cores) - time.process_time(), time.monotonic()
        others = (used - used_before) / (at - before)
        if others + threads < len(cores) + CROWDED:
            if teams:
                teams.shutdown()
            teams = None
        elif not teams:
            teams = idle_teams(threads, len(cores))
    if teams:
        teams.shutdown()


def busy_seconds(stat: str, cores: set[int]) -> float:
    """Seconds that these cores have worked for anyone since the machine was started, from the text of /proc/stat."""
    ticks = 0
    for line in stat.splitlines():
        name, *counts = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            user, nice, system, _idle, _waiting, *rest = map(int, counts)
            ticks += user + nice + system + sum(rest[:3])  # interrupts, and what the host took for other machines
    return ticks / os.sysconf("SC_CLK_TCK")


def idle_teams(threads: int, cores: int) -> ThreadPoolExecutor:
    """As many teams of OpenMP threads as make more threads than cores, with the one that works; `shutdown` ends them.

    Args:
        threads: of a team, 2 or more.
    """
    count = max(1, -(-(cores + 1 - threads) // (threads - 1)))
    teams, together = ThreadPoolExecutor(count), threading.Barrier(count)

    def gather() -> None:
        torch.set_num_threads(threads)  # of this thread's team
        torch.ones(1 << 20).add_(1)  # large enough to be shared out
        together.wait()  # so that each thread of the pool makes one

    for done in [teams.submit(gather) for _ in range(count)]:
        done.result()
    return teams
