"""A Dask scheduler and workers, each a process of its own in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def program(folder: Path, project: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(project), "DASK_DISTRIBUTED__DASHBOARD__LINK": ""}
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(true: Callable[[], object]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    raise TimeoutError


def worker(folder: Path, project: Path, address: str, *options: str):  # type: ignore[no-untyped-def]
    return program(folder, project, "worker", address, "--no-nanny", "--no-dashboard", *options)


@contextmanager
def scheduler(folder: Path, project: Path) -> Iterator[str]:
    listing = folder / "scheduler.json"
    arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(listing))
    with program(folder, project, *arguments):
        wait_until(lambda: listing.exists() and listing.read_text().endswith("}"))
        yield json.loads(listing.read_text())["address"]


def has_workers(address: str, count: int) -> bool:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return len(client.nthreads()) == count


@contextmanager
def two_workers(folder: Path, project: Path) -> Iterator[str]:
    """The address of a cluster of two workers that run the project's code."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(folder, project))
        for name in ("a", "b"):
            stack.enter_context(worker(folder / name, project, address, "--nthreads", "1"))
        wait_until(lambda: has_workers(address, 2))
        yield address
