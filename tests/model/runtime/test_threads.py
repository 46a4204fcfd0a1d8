import os
import time
from pathlib import Path

import pytest
import torch

from model.runtime.threads import busy_seconds, idle_teams, thread_count

STAT = """cpu  900 0 0 9000 0 0 0 0 0 0
cpu0 100 20 3 9000 700 5 6 7 8 9
cpu1 200 0 0 9000 0 0 0 0 0 0
cpu12 400 0 0 9000 0 0 0 0 0 0
intr 12345
"""


def test_the_time_of_some_cores_without_idling_and_waiting_for_disks() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert busy_seconds(STAT, {0}) == pytest.approx((100 + 20 + 3 + 5 + 6 + 7) / ticks)
    assert busy_seconds(STAT, {1, 12}) == pytest.approx(600 / ticks)


def test_the_environment_decides_before_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count(1) is None
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert thread_count(1) >= thread_count(1000) == 1


@pytest.mark.parametrize(
    ("cores", "quota", "processes", "threads"),
    [
        (1, None, 1, 1),
        (2, None, 1, 1),
        (2, None, 2, 1),
        (8, None, 1, 7),
        (8, None, 2, 3),
        (8, 2.5, 1, 2),
        (8, 0.5, 1, 1),
    ],
)
def test_one_core_is_left_to_others(
    cores: int, quota: float | None, processes: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr("model.runtime.threads.cpu_quota", lambda: quota)
    assert thread_count(processes) == threads


def own_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no Linux")
@pytest.mark.parametrize(("threads", "cores", "teams"), [(2, 2, 1), (4, 4, 1), (2, 4, 3), (3, 6, 2)])
def test_idle_teams_make_more_threads_than_cores_and_leave_none(threads: int, cores: int, teams: int) -> None:
    assert threads + teams * (threads - 1) > cores >= threads + (teams - 1) * (threads - 1)
    before = own_threads()
    idle = idle_teams(threads, cores)
    held = own_threads()
    idle.shutdown()
    assert held - before == teams * threads, "a thread of ours begins each team and is one of it"
    until = time.monotonic() + 30  # OpenMP's own end when it suits them
    while own_threads() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert own_threads() == before
