"""A worker that dies costs its own item alone."""

import os
import signal

from stages.params.tree import ComputeParams
from stages.runtime.map_surviving import map_surviving


def die_at_three(number: int) -> str:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{number} done"


def lost(number: int) -> str:
    return f"{number} lost"


def test_all_others_are_done_in_order() -> None:
    found = list(map_surviving(die_at_three, range(12), lost, compute=ComputeParams(workers=2), what="jaws"))
    assert found == [f"{number} {'lost' if number == 3 else 'done'}" for number in range(12)]


def test_one_worker_does_them_all() -> None:
    found = list(map_surviving(str, range(5), lost, compute=ComputeParams(workers=1), what="jaws"))
    assert found == ["0", "1", "2", "3", "4"]
