"""What stages and flows need of the system; imports next to nothing."""

import ctypes
import os
import sys
from pathlib import Path

# Beside this Python, so that it is found without an activated environment too.
DVC = str(Path(sys.executable).with_name("dvc"))
_PR_SET_PDEATHSIG = 1


def end_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process a signal when its parent ends, even by SIGKILL; on Linux alone.

    Args:
        parent: process id of the parent; if it has ended by now, this process ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)
