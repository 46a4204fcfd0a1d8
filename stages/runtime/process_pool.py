"""Worker processes on this machine, which end with the process that started them."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from stages.runtime.pool import Pool

PR_SET_PDEATHSIG = 1


@contextmanager
def process_pool(workers: int) -> Iterator[Pool]:
    # Spawn: no inherited GL context, threads or locks.
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (os.getpid(),))
    try:
        yield Pool(executor.submit, workers, lambda: None)
    except KeyboardInterrupt:
        # Files appear whole or not at all, so workers may be killed while they write.
        for worker in multiprocessing.active_children():
            worker.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _start_worker(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        # A stage killed with SIGKILL can't tell its workers; the kernel does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
