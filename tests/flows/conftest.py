"""One real Prefect server and one clone of the project for all tests of flows."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import guard
from tests.clones import environment, new_clone, run

SMALL = """
download: {synthetic: {jaws: 3, test_jaws: 1, voxel_size: 2.0}}
prepare: {points: 64, validation_fraction: 0.4}
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
def committed(clone: Path) -> Iterator[Path]:
    """The clone, as committed before and after."""
    yield clone
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "dvc", "checkout", "-q", "--force", "render", "prepare", "download")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Api"]:
    """A Prefect server with a database of its own."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with open(home / "log", "wb") as log:
        process = guard.start(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | settings)
    api = Api(f"http://127.0.0.1:{port}/api", home)
    wait_for(api.healthy, 300, lambda: (home / "log").read_text())
    yield api
    assert process.stdin
    process.stdin.close()
    process.wait()


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
    home: Path

    def __call__(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST with a body, GET without; asks again while the database is busy, as Prefect's client does."""
        import httpx

        for _ in range(20):
            answer = httpx.request("GET" if body is None else "POST", self.url + path, json=body, timeout=60)
            if answer.status_code != 503:
                break
            time.sleep(0.5)
        return answer.json() if answer.is_success else (answer.status_code, answer.text)

    def healthy(self) -> bool:
        """Whether it answers."""
        import httpx

        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        return False

    def deployment(self, flow: str) -> dict[str, Any]:
        """The deployment of a flow."""
        found = self("/deployments/filter", {})
        return next(each for each in found if each["entrypoint"] == f"flows.pipeline.{flow}")

    def trigger(self, flow: str, **parameters: Any) -> Any:
        """Start a run, as the UI does."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
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
        environ = environment() | {"PYTHONPATH": str(self.clone)}
        environ.pop("PREFECT_API_URL", None)
        if self.api:
            environ |= {"PREFECT_API_URL": self.api.url, "PREFECT_HOME": str(self.api.home)}
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
        return self.processes("dvc --", "tenview download", "tenview render", "spawn_main")

    def long_run(self) -> str:
        """Start a run that takes minutes; returns its id when its stage is at work."""
        assert self.api
        started = self.api.trigger("download", download={"synthetic": {"jaws": 5000}}, compute={"workers": 2})
        wait_for(lambda: bool(self.processes("spawn_main")), 300, lambda: self.api.log(started["id"]))
        return started["id"]

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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
