"""Fixtures for all tests."""

import os
import shutil
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scans.cameras import Camera
from scans.mesh import Mesh
from tests.clones import PROJECT, finish, made_once, toy_clone

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# Some tests make DVC projects without our .dvc/config; each command there would start a process that reports it.
os.environ["DVC_NO_ANALYTICS"] = "1"


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one process, for they share fixtures; so do all of flows/, which share a server."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            return str(Path(path).parent) if Path(path).parent.name == "flows" else path

    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes, what takes long comes first, so that none is left alone with it."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real scans and weights beside the project; the test is skipped where it is absent."""
    folder = PROJECT.parent / "shared"
    if not (folder / "scans").is_dir():
        pytest.skip("no folder ../shared with scans and weights")
    return folder


@pytest.fixture(scope="session")
def finished_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which `presets/best.yaml` has run at toy size and been committed. Only to be read: see `copy_of`."""
    return made_once(tmp_path_factory, "finished_clone", lambda folder: finish(toy_clone(folder)))


@pytest.fixture
def camera() -> Camera:
    """Stands at the origin and looks along -z; at depth 1, a pixel of its 16 x 16 is 1/8 wide."""
    return Camera(transform=np.eye(4), fx=8.0, fy=8.0, cx=8.0, cy=8.0, width=16, height=16)


@pytest.fixture
def rig() -> list[Camera]:
    """The fixed ten at 96 pixels, the unit sphere just inside every picture."""
    from renderers.rigs.rigs import ring_rig

    return ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=96, order=range(10))


@pytest.fixture
def quad(camera: Camera):
    """Makes a rectangle that faces the camera at a depth: (vertices, faces) from its borders in pixels."""

    def make(left: float, top: float, right: float, bottom: float, *, depth: float) -> tuple[np.ndarray, np.ndarray]:
        corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top)], dtype=np.float64)
        x = (corners[:, 0] - camera.cx) / camera.fx * depth
        y = (camera.cy - corners[:, 1]) / camera.fy * depth
        return np.stack((x, y, np.full(4, -depth)), axis=1), np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)

    return make


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium; `make system-packages` installs it on Debian")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator["Browser"]:
    """A browser with WebGL in software."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its sandbox needs rights that root in a container lacks; the page is ours.
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def tetrahedron() -> Mesh:
    """Four vertices at the corners of a cube of edge 1 that holds the origin; four faces, outward, labelled."""
    vertices = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / 2
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return Mesh(vertices, faces, np.array([11, 21, 0, 0], np.uint8))


@dataclass
class Fault:
    """What a server does wrong in one answer.

    Attributes:
        status, headers, body: instead of the right ones; a header with the value None is left out.
        cut: bytes of the answer's body after which the connection is closed; -1 closes it before any answer.
        stall: bytes of the body after which nothing comes any more.
        deaf: Range is ignored.
    """

    status: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    cut: int | None = None
    stall: int | None = None
    deaf: bool = False


class FileServer(ThreadingHTTPServer):
    """Serves `files` by path over loopback, with ranges; `faults` of a path are used up, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FileHandler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.asked: list[tuple[str, dict[str, str], float]] = []  # path, headers, time
        self.busy = self.busiest = 0
        self.guard = threading.Lock()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no news."""


class _FileHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        with self.server.guard:
            self.server.asked.append((self.path, dict(self.headers), time.monotonic()))
            faults = self.server.faults.get(self.path)
            fault = faults.pop(0) if faults else Fault()
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            self.answer(fault)
        finally:
            with self.server.guard:
                self.server.busy -= 1

    def answer(self, fault: Fault) -> None:
        data = self.server.files.get(self.path)
        tag = f'"{zlib.crc32(data or b"")}"'
        headers: dict[str, str | None] = {"ETag": tag, "Content-Type": "application/zip"}
        body, status = (b"not found", 404) if data is None else (data, 200)
        asked = self.headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        if asked and data is not None and not fault.deaf and self.headers.get("If-Range", tag) == tag:
            start, body, status = int(asked), data[int(asked) :], 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = body if fault.body is None else fault.body
        headers |= {"Content-Length": str(len(body))} | fault.headers
        if fault.cut == -1:
            self.close_connection = True
            return
        self.send_response(fault.status or status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        end = fault.cut if fault.cut is not None else fault.stall
        self.wfile.write(body[:end])
        self.wfile.flush()
        if fault.stall is not None:
            self.server.ending.wait()
        if end is not None or headers["Content-Length"] != str(len(body)):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A real HTTP server on loopback."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.ending.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def fault() -> type[Fault]:
    """The class of `FileServer`'s faults."""
    return Fault
