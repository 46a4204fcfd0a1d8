"""Runs the server of `tenview app` until it is stopped."""

import os
import socket
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

import uvicorn

from scans.errors import UserError
from stages.app.jobs import Jobs
from stages.app.server import create
from stages.runtime.loopback import HOST
from stages.runtime.progress import say
from stages.runtime.workspace import model_folder

SECONDS_TO_END = 5  # that requests have when the server is stopped


def serve(results: Path, port: int, *, browser: bool) -> None:
    """Serve the page on this machine alone until SIGINT or SIGTERM.

    Raises:
        UserError: the port is taken, or another server works in the folder.
    """
    model_folder()  # says which model is used
    with _listening(port) as listening:
        server = uvicorn.Server(
            uvicorn.Config(
                create(Jobs(results)), log_level="warning", access_log=False, timeout_graceful_shutdown=SECONDS_TO_END
            )
        )
        address = f"http://{HOST}:{listening.getsockname()[1]}/"
        say(f"app: {address} (results in {results}; Ctrl-C ends it)")
        if browser and _has_screen():
            # Its request waits until the server below runs.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # raised again after the server has ended well
            server.run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError:
        raise UserError(
            f"port {port} is taken, perhaps by another `tenview app`: see http://{HOST}:{port}/, or use another: "
            f"--port {port + 1}"
        ) from None
    return listening


def _has_screen() -> bool:
    """Whether a browser would open in a window; without a screen it would be one in the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
