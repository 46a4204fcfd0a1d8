"""Ties a flow's process to the runner that started it."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_runner() -> None:
    """Have this process ended when its runner dies, which could no longer cancel it; nothing without a runner."""
    if sys.platform == "linux" and "PREFECT__FLOW_RUN_ID" in os.environ:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
