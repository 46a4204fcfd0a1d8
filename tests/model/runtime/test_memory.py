import ctypes
import subprocess
import sys

import psutil
import pytest
import torch

from model.runtime.memory import free_memory

CODE = """
import resource
import torch
from model.runtime.memory import disable_malloc_trim
{call}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step(number):
    # 8 MiB each, 2,048 pages, and a little more each time: glibc keeps by itself what is no larger than what was freed.
    kept = [torch.ones((2 << 20) + (number << 12)) for _ in range(20)]
for number in range(3):
    step(number)
before = faults()
for number in range(3, 8):
    step(number)
print(faults() - before)
"""


def faults(call: str) -> int:
    code = CODE.format(call=call)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_freed_memory_is_used_again() -> None:
    assert faults("disable_malloc_trim()") < 0.01 * faults("pass")


def test_no_more_is_free_than_a_container_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr("model.runtime.memory.memory_limit", lambda: None)
    assert 0 < free_memory(cpu) <= psutil.virtual_memory().total
    monkeypatch.setattr("model.runtime.memory.memory_limit", lambda: 1000)
    assert free_memory(cpu) == 1000
