"""Serves the folder of the report on this machine, as a page of the UI may not link to a file."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from stages.runtime.loopback import HEADERS, HOSTS
from stages.runtime.workspace import PAGE

PAGES_URL = "TENVIEW_PAGES_URL"  # environment variable that tells the runs


class _Reports(SimpleHTTPRequestHandler):
    def parse_request(self) -> bool:
        """Refuse a host that is not this machine: a name of another site's that resolves to 127.0.0.1."""
        if not super().parse_request():
            return False
        if self.headers.get("Host", "").partition(":")[0] in HOSTS:
            return True
        self.send_error(400, "Invalid host")
        return False

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served_reports(port: int) -> Iterator[str]:
    """Serve reports/ to this machine alone, on any port where this one is taken; yields the address."""
    handler = functools.partial(_Reports, directory=str(PAGE.parent.resolve()))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
