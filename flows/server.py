"""A Prefect server of the project's own, for those who have none."""

import base64
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows import guard
from scans.errors import UserError
from scans.files import atomic_file
from stages.runtime.progress import say
from stages.runtime.workspace import HIDDEN

HOST = "127.0.0.1"
HOME = HIDDEN / "prefect"  # its database, so that two projects don't mix
LOG = HOME / "server.log"
AUTH = HOME / "auth"  # the auth string, for this user's eyes alone
SECONDS_TO_START = 120.0
SETTINGS = {
    "PREFECT_SERVER_UI_API_URL": "/api",  # as the browser sees it, through a tunnel too
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}


@dataclass(frozen=True)
class Server:
    """A server that runs: its address without `/api`, its auth string, its log and its process."""

    url: str
    auth: str
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"{self.url}/api"

    @property
    def sign_in(self) -> str:
        """Link that signs a browser in."""
        return f"{self.url}/sign-in#{base64.b64encode(self.auth.encode()).decode()}"


@contextmanager
def own_server(port: int, home: Path = HOME) -> Iterator[Server]:
    """Run a server on this machine, with its database in `home`, and end it at the end.

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
                f"otherwise `tenview serve --port {port + 2}`."  # the next serves the reports
            ) from None
    home.mkdir(parents=True, exist_ok=True)
    url, auth, log_path = f"http://{HOST}:{port}", _auth(home / AUTH.name), home / LOG.name
    environment = SETTINGS | os.environ | {
        "PREFECT_HOME": str(home.resolve()),
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
    }  # fmt: skip
    command = [sys.executable, "-m", "uvicorn", "--factory", "flows.gate:create"]
    command += ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    with open(log_path, "wb") as log:
        process = guard.start(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        _wait_until_healthy(url, process, log_path)
        yield Server(url, auth, log_path, process)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()


def _auth(path: Path) -> str:
    """The auth string, made at the first start."""
    if not path.exists():
        with atomic_file(path) as partial, open(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"tenview:{secrets.token_urlsafe(24)}")
    path.chmod(0o600)
    return path.read_text().strip()


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    say("starting the Prefect server; the first time it makes its database, which takes up to a minute")
    until = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    last = "\n".join(log.read_text(errors="replace").strip().splitlines()[-5:])
    raise UserError(f"the Prefect server did not start; {log} ends with:\n{last}")
