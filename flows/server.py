"""A Prefect server of the project's own, for those who have none."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows import guard
from scans.errors import UserError
from stages.runtime.workspace import HIDDEN

HOST = "127.0.0.1"
HOME = HIDDEN / "prefect"  # its database, so that two projects don't mix
LOG = HOME / "server.log"
SECONDS_TO_START = 120.0
SETTINGS = {
    "PREFECT_SERVER_UI_API_URL": "/api",  # as the browser sees it, through a tunnel too
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


@contextmanager
def own_server(port: int) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run a server on this machine; yields its API's address and its process, and ends it at the end.

    Raises:
        UserError: the port is taken, or the server does not start.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(
                f"port {port} is taken. If that is your Prefect server, set PREFECT_API_URL=http://{HOST}:{port}/api; "
                f"otherwise `tenview serve --port {port + 1}`."
            ) from None
    HOME.mkdir(parents=True, exist_ok=True)
    environment = SETTINGS | os.environ | {"PREFECT_HOME": str(HOME.resolve())}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    with open(LOG, "wb") as log:
        process = guard.start(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        api = f"http://{HOST}:{port}/api"
        _wait_until_healthy(api, process)
        yield api, process
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()


def _wait_until_healthy(api: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    last = "\n".join(Path(LOG).read_text(errors="replace").strip().splitlines()[-5:])
    raise UserError(f"the Prefect server did not start; {LOG} ends with:\n{last}")
