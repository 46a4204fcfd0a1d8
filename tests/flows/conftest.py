"""One real Prefect server and one clone of the project for all tests of flows."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from flows.server import own_server
from tests.clones import environment, new_clone, run
from tests.conftest import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# For tests that need the server: one process runs them all, so that there is one.
needs_prefect = [
    pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("prefect")
]  # fmt: skip
SMALL = """
download: {synthetic: {jaws: 3, test_jaws: 1, voxel_size: 2.0}}
prepare: {points: 64, validation_share: 0.4}
render: {image_size: 24, samples: 1}
compute: {workers: 1}
"""
FINISHED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture(scope="session")
def clone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the views have been rendered and the result committed."""
    folder = new_clone(project, tmp_path_factory.mktemp("clone"), SMALL)
    run(folder, "dvc", "repro", "render", timeout=800)
    run(folder, "git", "add", ".")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "rendered")
    return folder


@pytest.fixture
def committed(clone: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The clone, as committed before and after; a run that a failed test has left is cancelled."""
    yield clone
    if "serve" in request.fixturenames:
        request.getfixturevalue("serve").cancel_runs()
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "dvc", "checkout", "-q", "--force", "render", "prepare", "download")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Api"]:
    """A Prefect server as `tenview serve` starts it, with a database of its own."""
    home = tmp_path_factory.mktemp("prefect")
    with own_server(free_port(), home) as running:
        yield Api(running.url, running.auth, home, running.sign_in)


@pytest.fixture(scope="session")
def serve(server: "Api", clone: Path) -> Iterator["Serve"]:
    """`tenview serve` in the clone, on that server."""
    served = Serve(clone, server)
    served.start()
    yield served
    served.process.terminate()
    served.process.wait(60)


@dataclass
class Api:
    """What the tests ask of a Prefect server."""

    url: str
    auth: str
    home: Path
    sign_in: str = ""  # the link that signs a browser in

    def __call__(self, path: str, body: dict[str, Any] | None = None, method: str = "") -> Any:
        """POST with a body, GET without."""
        import httpx

        method = method or ("GET" if body is None else "POST")
        user, password = self.auth.split(":")
        answer = httpx.request(method, f"{self.url}/api{path}", json=body, timeout=180, auth=(user, password))
        return (answer.json() if answer.content else None) if answer.is_success else (answer.status_code, answer.text)

    def healthy(self) -> bool:
        """Whether it answers."""
        import httpx

        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/api/health", timeout=5).is_success
        return False

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables with which Prefect finds it."""
        url = {"PREFECT_API_URL": f"{self.url}/api", "PREFECT_API_AUTH_STRING": self.auth}
        return url | {"PREFECT_HOME": str(self.home)}

    def deployment(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        found = self("/deployments/filter", {})
        return next(each for each in found if each["entrypoint"] == f"flows.pipeline.{flow}")

    def form(self, flow: str) -> dict[str, Any]:
        """What the UI sends where its form is left as it opens."""
        schema = self.deployment(flow)["parameter_openapi_schema"]["properties"]
        return {name: field["default"] for name, field in schema.items()}

    def trigger(self, flow: str, run_name: str | None = None, **parameters: Any) -> Any:
        """Start a run, as the UI does."""
        body = {"name": run_name, "parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self(f"/deployments/{self.deployment(flow)['id']}/create_flow_run", body)

    def state(self, run_id: str) -> str:
        """The type of a run's state."""
        return self(f"/flow_runs/{run_id}")["state"]["type"]

    def finished(self, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """The run when it has ended, however it ended."""
        wait_for(lambda: self.state(run_id) in FINISHED, seconds, lambda: self.log(run_id))
        return self(f"/flow_runs/{run_id}")

    def log(self, run_id: str) -> str:
        """The run's lines."""
        lines = self("/logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"})
        return "\n".join(line["message"] for line in lines)

    def artifacts(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's artifacts by key."""
        found = self("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {each["key"]: each for each in found if each["key"]}

    def cancel(self, run_id: str) -> None:
        """What the UI's button does."""
        self(f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})


@dataclass
class Serve:
    """A `tenview serve` that can be killed and started again."""

    clone: Path
    api: Api | None
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] = field(init=False)

    def start(self) -> str:
        """Start it, and wait until it takes runs; returns the line with the address."""
        environ = {key: value for key, value in environment().items() if not key.startswith("PREFECT_")}
        environ |= {"PYTHONPATH": str(self.clone)} | (self.api.settings if self.api else {})
        with open(self.clone.parent / "serve.log", "w") as file:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("tenview"), "serve", *self.options],
                cwd=self.clone, env=environ, stdout=file, stderr=file, text=True,
            )  # fmt: skip
        wait_for(lambda: "in the Prefect UI" in self.said() or self.process.poll() is not None, 300, self.said)
        told = [line for line in self.said().splitlines() if line.startswith("Tenview in the Prefect UI: ")]
        assert told, self.said()
        return told[0]

    def said(self) -> str:
        """All that it has printed."""
        return (self.clone.parent / "serve.log").read_text()

    def processes(self, *words: str) -> list[str]:
        """Command lines of what runs in the clone and has one of the words in it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if process.cwd() == str(self.clone) and any(word in line for word in words):
                    found.append(line)
        return found

    def work(self) -> list[str]:
        """DVC, stages and their workers."""
        return self.processes("dvc --", "tenview download", "tenview prepare", "tenview render", "spawn_main")

    def long_run(self) -> str:
        """Start a run that takes minutes, with changed parameters; returns its id when its stage is at work."""
        assert self.api
        started = self.api.trigger("download", download={"synthetic": {"jaws": 5000}}, compute={"workers": 2})
        wait_for(lambda: bool(self.processes("spawn_main")), 300, lambda: self.api.log(started["id"]))
        return started["id"]

    def cancel_runs(self) -> None:
        """Cancel what runs, and wait for its end."""
        assert self.api
        going = self.api("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}})
        for each in going:
            self.api.cancel(each["id"])
        for each in going:
            self.api.finished(each["id"])

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        self.process.wait(60)


def wait_for(true: Callable[[], bool], seconds: float, otherwise: Callable[[], object] = lambda: "") -> None:
    """Wait until it is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, otherwise()
        time.sleep(0.1)


def sign_in(page: "Page", server: Api) -> None:
    """Open the link that is printed, and wait until the UI has taken it."""
    page.goto(server.sign_in)
    _menu(page).wait_for()


def visit(page: "Page", server: Api, path: str) -> None:
    """Open a page of the UI, signed in.

    At each page the UI asks the API whether the password is right, and forgets it if no answer comes, as on a machine
    that is too busy; a person opens the link again then, and so does this.
    """
    page.goto(f"{server.url}/v2/{path}")
    asked = page.get_by_placeholder("admin:pass")
    _menu(page).or_(asked).first.wait_for()
    if asked.is_visible():
        sign_in(page, server)
        page.goto(f"{server.url}/v2/{path}")
        _menu(page).wait_for()


def _menu(page: "Page") -> "Locator":
    return page.get_by_role("link", name="Deployments").first
