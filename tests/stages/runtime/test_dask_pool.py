"""A real scheduler and two real workers, each a process of its own in a folder of its own."""

import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from scans.errors import ScanError, UserError
from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from stages import download, prepare, render
from stages.params.tree import ComputeParams, check
from stages.runtime import dask_pool
from stages.runtime.map_ordered import map_ordered
from tests.dask_cluster import has_workers, scheduler, two_workers, wait_until, worker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with two_workers(tmp_path_factory.mktemp("cluster"), project) as address:
        yield address


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def of(address: str) -> ComputeParams:
    return ComputeParams(executor="dask", scheduler=address)


def shards(**compute: object) -> dict[str, str]:
    """Digests of all that prepare and render leave, made anew."""
    values = {
        "prepare": {"points": 128, "sampling": "uniform", "cases_per_shard": 1, "validation_share": 0.25},
        "render": {"image_size": 16, "samples": 1},
        "compute": {"store_gigabytes": 0.0, **compute},
    }
    for stage in (prepare, render):
        stage.run(check(values, "params.yaml"))
    files = [path for folder in (prepare.PREPARED, render.VIEWS) for path in folder.rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".parquet"]) >= 8
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.timeout(600)
def test_the_same_bytes_from_any_workers(cluster: str, horseshoe: Callable[[float], Mesh]) -> None:
    Path("incoming").mkdir()
    for number in range(5):
        Path(f"incoming/{number}.obj").write_bytes(encode_obj(horseshoe(8 + number)))
    download.run(
        check({"download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y"}}}, "params.yaml")
    )
    stage_lock = shards(workers=1)
    assert shards(workers=2) == stage_lock
    assert shards(workers=4) == stage_lock
    assert shards(executor="dask", scheduler=cluster) == stage_lock
    assert not list(Path().rglob(".*.partial"))
    assert not list(Path(".tenview").glob("cluster-*"))


def append(item: tuple[str, int]) -> int:
    """Note which process does this, slowly."""
    folder, number = item
    with open(Path(folder) / str(number), "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.2)
    return number


def test_a_cluster_of_our_own_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    items = [("done", number) for number in range(8)]  # relative: tasks run in this folder
    found = list(map_ordered(append, items, compute=ComputeParams(executor="dask", workers=2), what="tasks"))
    assert found == list(range(8))
    processes = {int(path.read_text()) for path in (tmp_path / "done").iterdir()}
    assert len(processes) == 2
    assert not any(psutil.pid_exists(process) for process in processes - {os.getpid()})


def refuse(number: int) -> int:
    if number == 3:
        raise ScanError("jaw 3 is broken")
    return number


def test_an_error_arrives_as_it_was_raised(cluster: str) -> None:
    with pytest.raises(ScanError, match="jaw 3 is broken"):
        list(map_ordered(refuse, range(50), compute=of(cluster), what="jaws"))


def test_few_results_wait_ahead_of_their_turn(cluster: str, tmp_path: Path) -> None:
    results = map_ordered(append, [(str(tmp_path), number) for number in range(60)], compute=of(cluster), what="tasks")
    assert next(results) == 0
    time.sleep(2.5)  # enough for two workers to do all that they were given
    assert len(list(tmp_path.glob("[0-9]*"))) <= 1 + 2 * 4 + 1
    results.close()
    time.sleep(0.5)
    done = len(list(tmp_path.glob("[0-9]*")))
    time.sleep(1.0)
    assert len(list(tmp_path.glob("[0-9]*"))) == done, "what waits is cancelled"


def kill_or_append(item: tuple[str, int]) -> int:
    """The first process that comes to number 5 dies, as if it had run out of memory."""
    folder, number = item
    if number == 5 and not (Path(folder) / "killed").exists():
        (Path(folder) / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return append(item)


def kill(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_die(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "SECONDS_WITHOUT_WORKERS", 1.0)
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path / "s", project))
        with pytest.raises(UserError, match=r"no worker\. Start some"):
            list(map_ordered(refuse, range(3), compute=of(address), what="jaws"))
        for name in ("a", "b"):
            stack.enter_context(worker(tmp_path / name, project, address, "--nthreads", "1"))
        wait_until(lambda: has_workers(address, 2))
        (tmp_path / "done").mkdir()
        items = [("done", number) for number in range(12)]
        assert list(map_ordered(kill_or_append, items, compute=of(address), what="tasks")) == list(range(12))
        assert has_workers(address, 1)
        with pytest.raises(UserError, match=r"tasks: a worker process died.*compute\.workers"):
            list(map_ordered(kill, range(3), compute=of(address), what="tasks"))


def test_no_scheduler_at_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=rf"compute\.scheduler=tcp://127\.0\.0\.1:{port}: no Dask scheduler answers"):
        list(map_ordered(refuse, range(3), compute=of(f"tcp://127.0.0.1:{port}"), what="jaws"))
    with pytest.raises(UserError, match=r"compute\.scheduler=nonsense: no Dask scheduler answers"):
        list(map_ordered(refuse, range(3), compute=of("nonsense"), what="jaws"))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install -c constraints\.txt -e '\.\[dask\]'"):
        list(map_ordered(refuse, range(3), compute=ComputeParams(executor="dask"), what="jaws"))


def test_workers_that_would_fail_or_differ_are_named(cluster: str, project: Path, tmp_path: Path) -> None:
    with worker(tmp_path / "c", project, cluster, "--nthreads", "2"):
        wait_until(lambda: has_workers(cluster, 3))
        with pytest.raises(UserError, match=r"has 2 threads\. Start it with `--nthreads 1"):
            list(map_ordered(refuse, range(3), compute=of(cluster), what="jaws"))
    wait_until(lambda: has_workers(cluster, 2))
    (tmp_path / "stages.py").touch()  # hides our package, wherever it is installed
    with worker(tmp_path / "d", tmp_path, cluster, "--nthreads", "1"):
        wait_until(lambda: has_workers(cluster, 3))
        with pytest.raises(UserError, match=r"can't run Tenview .*Install this project"):
            list(map_ordered(refuse, range(3), compute=of(cluster), what="jaws"))
    wait_until(lambda: has_workers(cluster, 2))


@pytest.mark.parametrize(("answer", "message"), [((False, ""), "can't see .*Share this"), ((True, ""), "other code")])
def test_a_worker_without_our_folder_or_code(
    cluster: str, monkeypatch: pytest.MonkeyPatch, answer: tuple[bool, str], message: str
) -> None:
    monkeypatch.setattr(dask_pool, "_look", (lambda found: lambda _: found)(answer))
    with pytest.raises(UserError, match=message):
        list(map_ordered(refuse, range(3), compute=of(cluster), what="jaws"))
