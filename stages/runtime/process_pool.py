"""Worker processes on this machine, which end with the process that started them."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from stages.runtime.pool import Pool
from stages.runtime.system import end_with_parent


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
    # Before PyTorch is loaded: workers are as many as cores, and threads of more would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    end_with_parent(signal.SIGKILL, parent)  # a stage that is killed can't end its workers
