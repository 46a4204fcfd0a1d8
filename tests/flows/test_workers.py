"""prefect.yaml on a real server: deployments for those who run Prefect workers."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clones import environment
from tests.flows.conftest import Api, needs_prefect, wait_for

pytestmark = needs_prefect


def settings(clone: Path, server: Api) -> dict[str, str]:
    often = {"PREFECT_WORKER_QUERY_SECONDS": "1"}  # a worker asks for runs every ten seconds otherwise
    return environment() | {"PYTHONPATH": str(clone)} | server.settings | often


def prefect(clone: Path, server: Api, *words: str) -> str:
    """What a `prefect` command says that ends well."""
    ended = subprocess.run(
        [sys.executable, "-m", "prefect", *words],
        cwd=clone, env=settings(clone, server), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def deployed(clone: Path, server: Api) -> Iterator[dict[str, dict[str, Any]]]:
    """The deployments of prefect.yaml by name."""
    prefect(clone, server, "work-pool", "create", "tenview", "--type", "process")
    prefect(clone, server, "--no-prompt", "deploy", "--all")
    of_pool = {"work_pools": {"name": {"any_": ["tenview"]}}}
    made = {each["name"]: each for each in server("/deployments/filter", of_pool)}
    yield made
    for name in made:  # other tests look for the one deployment of a flow
        prefect(clone, server, "deployment", "delete", f"pipeline/{name}")


@pytest.fixture(scope="module")
def worker(clone: Path, server: Api, deployed: dict[str, Any]) -> Iterator[Callable[[], str]]:
    """A running worker; tells what it has printed."""
    assert deployed
    log = clone.parent / "worker.log"
    with open(log, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "tenview"],
            cwd=clone, env=settings(clone, server), stdout=file, stderr=file,
        )  # fmt: skip
    yield log.read_text
    process.terminate()
    process.wait(60)


def test_what_prefect_yaml_deploys(deployed: dict[str, dict[str, Any]]) -> None:
    assert deployed.keys() == {"worker", "nightly", "new-scans"}
    (nightly,) = deployed["nightly"]["schedules"]
    assert nightly["schedule"]["cron"] == "0 3 * * *"
    assert not nightly["active"]  # until somebody wants it
    assert deployed["new-scans"]["parameters"] == {"download": {"source": "directory"}}
    assert "render" in deployed["worker"]["parameter_openapi_schema"]["properties"]


@pytest.mark.usefixtures("committed")
def test_a_worker_runs_the_pipeline(
    server: Api, deployed: dict[str, dict[str, Any]], worker: Callable[[], str]
) -> None:
    body = {"parameters": {"last": "render"}, "state": {"type": "SCHEDULED"}}
    started = server(f"/deployments/{deployed['worker']['id']}/create_flow_run", body)
    done = server.finished(started["id"])
    unchanged = "download unchanged, prepare unchanged, render unchanged"
    assert done["state"]["message"] == unchanged, worker() + server.log(done["id"])


@pytest.mark.usefixtures("committed")
def test_an_event_starts_a_run(
    clone: Path, server: Api, deployed: dict[str, dict[str, Any]], worker: Callable[[], str]
) -> None:
    deployment = deployed["new-scans"]["id"]
    mine = {"deployments": {"id": {"any_": [deployment]}}}
    assert not server("/flow_runs/filter", mine)
    prefect(clone, server, "event", "emit", "tenview.new-scans", "--resource-id", "tenview.incoming")
    wait_for(lambda: bool(server("/flow_runs/filter", mine)), 120, worker)
    (run,) = server("/flow_runs/filter", mine)
    done = server.finished(run["id"])
    assert done["state"]["type"] == "FAILED"  # the clone's incoming/ is empty
    assert "incoming" in server.log(run["id"])
