import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scans.errors import ScanError, UserError
from stages.params.tree import ComputeParams
from stages.runtime.map_ordered import kept_workers, map_ordered


def square(number: int) -> int:
    time.sleep(0.01 * (number % 3))  # so that later items overtake earlier ones
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ScanError("jaw 3 is broken")
    return number


def threads(number: int) -> tuple[str | None, int]:
    import torch

    torch.ones(1 << 16).add_(number)
    return os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads()


def worker(number: int) -> int:
    time.sleep(0.1 + 0.01 * number)  # so that another one takes the next
    return os.getpid()


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_order_for_any_number_of_workers(workers: int) -> None:
    assert list(map_ordered(square, range(9), compute=ComputeParams(workers=workers), what="squares")) == [
        n * n for n in range(9)
    ]


def test_nothing_to_do_is_fine() -> None:
    assert list(map_ordered(square, [], compute=ComputeParams(workers=2), what="squares")) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_it_was_raised(workers: int) -> None:
    with pytest.raises(ScanError, match="jaw 3 is broken"):
        list(map_ordered(fail_at_three, range(5), compute=ComputeParams(workers=workers), what="jaws"))


def test_a_worker_has_one_openmp_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert set(map_ordered(threads, range(2), compute=ComputeParams(workers=2), what="threads")) == {("1", 1)}


def test_a_worker_has_as_many_as_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = set(map_ordered(threads, range(2), compute=ComputeParams(workers=2), what="threads"))
    assert {chosen for chosen, _ in found} == {"3"}


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_calls_share_workers_that_are_kept_and_end_with_the_block(executor: str) -> None:
    compute = ComputeParams(workers=2, executor=executor)
    with kept_workers():
        first, again = (set(map_ordered(worker, range(count), compute=compute, what="pids")) for count in (6, 2))
        assert len(first) == 2
        assert again <= first
    assert not any(map(psutil.pid_exists, first))
    assert not first & set(map_ordered(worker, range(2), compute=compute, what="pids"))


def test_a_dead_worker_says_what_to_lower() -> None:
    with pytest.raises(UserError, match=r"compute\.workers"):
        list(map_ordered(die, range(4), compute=ComputeParams(workers=2), what="jaws"))


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    list(map_ordered(square, range(5), compute=ComputeParams(workers=1), what="squares"))
    assert capsys.readouterr().err.startswith("squares: 5 of 5, ")


@pytest.mark.parametrize("executor", ["processes", "dask"])
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_workers_die_with_a_stopped_parent(tmp_path: Path, project: Path, executor: str, stop: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import pathlib, time\n"
        "from stages.runtime.map_ordered import map_ordered\n"
        "from stages.params.tree import ComputeParams\n"
        "def nap(name):\n"
        "    pathlib.Path(name).touch()\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        f"    compute = ComputeParams(workers=2, executor={executor!r})\n"
        "    list(map_ordered(nap, ['a.nap', 'b.nap'], compute=compute, what='sleeping'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(project)}
    parent = subprocess.Popen(
        [sys.executable, script], env=environment, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE
    )
    while len(list(tmp_path.glob("*.nap"))) < 2:
        assert parent.poll() is None
        time.sleep(0.1)
    # the spawn method's own helper process is no worker
    children = psutil.Process(parent.pid).children(recursive=True)
    workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    if stop == signal.SIGKILL:
        parent.kill()
    else:
        os.killpg(parent.pid, stop)  # as a terminal's Ctrl-C does
    told = parent.communicate(timeout=30)[1].decode()
    assert stop == signal.SIGKILL or told.count("Traceback") == 1, told
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
