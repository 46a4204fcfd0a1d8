"""`tenview serve` on a real server: what the UI can do, by the API that the UI uses."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from ruamel.yaml import YAML

from scans.shards.views import read_views
from tests.clones import environment, run
from tests.dask_cluster import two_workers

if TYPE_CHECKING:
    from tests.flows.conftest import Api, Serve

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.timeout(1200)]
SECONDS_TO_CANCEL = 10


def partial_files(clone: Path) -> list[Path]:
    return [path for path in clone.glob("**/.*.partial") if ".dvc" not in path.parts]


def width_of_views(clone: Path) -> int:
    png = next(iter(read_views(next((clone / "data/views").glob("train-*.parquet"))))).views[0]
    return int.from_bytes(png[16:20], "big")


@pytest.mark.usefixtures("committed")
def test_two_triggers_queue_and_what_is_up_to_date_does_not_run(serve: "Serve", server: "Api") -> None:
    schema = server.deployment("pipeline")["parameter_openapi_schema"]["properties"]
    as_the_form_is_left = {name: field["default"] for name, field in schema.items()} | {"last": "render"}
    started = [
        server.trigger("pipeline", **as_the_form_is_left),
        server.trigger("pipeline", last="render", compute={"workers": 2}),
    ]
    first, second = (server.finished(each["id"]) for each in started)
    assert first["end_time"] <= second["start_time"] or second["end_time"] <= first["start_time"]
    unchanged = "download unchanged, prepare unchanged, render unchanged"
    assert (first["name"], first["state"]["message"]) == ("pipeline: last=render", unchanged)
    # No stage depends on how the work is done.
    assert second["name"] == "pipeline: last=render, compute.workers=2"
    assert second["state"]["message"] == f"experiment ui-{second['id'][:8]}; {unchanged}"
    rows = json.loads(server.artifacts(first["id"])["stages"]["data"])
    assert [row["stage"] for row in rows] == ["download", "prepare", "render"]
    assert not serve.work()


@pytest.mark.usefixtures("serve")
def test_a_changed_parameter_is_an_experiment(committed: Path, server: "Api") -> None:
    done = server.finished(server.trigger("render", render={"image_size": 32})["id"])
    assert done["state"]["type"] == "COMPLETED", server.log(done["id"])
    name = f"ui-{done['id'][:8]}"
    assert done["name"] == "render: render.image_size=32"
    assert done["state"]["message"] == f"experiment {name}; render ran"
    assert name in run(committed, "dvc", "exp", "show", "--json").stdout
    log = server.log(done["id"])
    assert "rendering shards: " in log
    assert width_of_views(committed) == 32
    artifacts = server.artifacts(done["id"])
    assert artifacts["contact-sheet-train"]["data"].startswith("data:image/png;base64,")
    # The form follows params.yaml, which holds the experiment's value now.
    schema = server.deployment("render")["parameter_openapi_schema"]
    assert schema["properties"]["render"]["default"]["image_size"] in (24, 32)


@pytest.mark.usefixtures("serve")
def test_a_stage_works_on_the_dask_cluster_of_the_form(committed: Path, server: "Api", tmp_path: Path) -> None:
    with two_workers(tmp_path, committed) as address:
        asked = {"render": {"image_size": 40}, "compute": {"executor": "dask", "scheduler": address}}
        done = server.finished(server.trigger("render", **asked)["id"])
        assert done["state"]["message"] == f"experiment ui-{done['id'][:8]}; render ran", server.log(done["id"])
    assert width_of_views(committed) == 40
    done = server.finished(server.trigger("render", **asked)["id"])
    assert done["state"]["message"].endswith("render unchanged"), "how the work is done makes nothing stale"
    done = server.finished(server.trigger("render", **asked, force=True)["id"])
    assert "no Dask scheduler answers" in done["state"]["message"]


@pytest.mark.usefixtures("serve")
@pytest.mark.parametrize(
    ("flow", "parameters", "message"),
    [
        ("render", {"render": {"image_size": 3}}, "3 is less than the minimum of 16"),
        ("render", {"render": {"image_siz": 64}}, "image_siz"),
        ("pipeline", {"first": "rendr"}, "'rendr' is not one of"),
    ],
)
def test_a_bad_value_is_refused(server: "Api", flow: str, parameters: dict, message: str) -> None:
    code, answer = server.trigger(flow, **parameters)
    assert code == 409
    assert message in answer


@pytest.mark.usefixtures("serve")
def test_what_no_single_bound_tells_fails_before_dvc_runs(server: "Api") -> None:
    done = server.finished(server.trigger("download", download={"synthetic": {"jaws": 4, "test_jaws": 3}})["id"])
    assert done["state"]["type"] == "FAILED"
    assert "leaves fewer than 2 of 4 jaws" in done["state"]["message"]


def test_cancelling_ends_everything_and_leaves_the_project_as_it_was(
    serve: "Serve", server: "Api", committed: Path
) -> None:
    from tests.flows.conftest import wait_for

    params = (committed / "params.yaml").read_bytes()
    started = serve.long_run()
    server.cancel(started)
    wait_for(lambda: not serve.work(), SECONDS_TO_CANCEL, serve.work)
    assert server.finished(started)["state"]["type"] == "CANCELLED"
    assert (committed / "params.yaml").read_bytes() == params
    assert not partial_files(committed)
    again = server.finished(server.trigger("pipeline", last="render")["id"])
    assert again["state"]["message"] == "download restored, prepare unchanged, render unchanged"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_whose_server_of_runs_ends_has_crashed(
    serve: "Serve", server: "Api", committed: Path, number: signal.Signals
) -> None:
    from tests.flows.conftest import wait_for

    started = serve.long_run()
    serve.kill(number)
    wait_for(lambda: not serve.work(), SECONDS_TO_CANCEL, serve.work)
    assert not partial_files(committed)
    serve.start()
    assert server.finished(started)["state"]["type"] == "CRASHED"
    again = server.finished(server.trigger("pipeline", last="download")["id"])
    assert again["state"]["type"] == "COMPLETED", server.log(again["id"])


def test_its_own_server_and_what_happens_when_that_dies(committed: Path) -> None:
    """New scans start a run; the server is killed in the middle of it; both start again; they end together."""
    from tests.flows.conftest import Api, Serve, free_port, wait_for

    port = free_port()
    serve = Serve(committed, None, ("--port", str(port), "--watch"))
    api = Api(f"http://127.0.0.1:{port}/api", committed / ".tenview/prefect")
    (committed / ".tenview/serve.lock").unlink(missing_ok=True)  # the other one, in this clone too, is idle
    assert serve.start() == f"Tenview in the Prefect UI: http://127.0.0.1:{port}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=20) as page:
            assert b"<html" in page.read()
        (committed / "incoming/scan.obj").write_text("v 0 0 0\n")
        wait_for(lambda: bool(serve.processes("dvc --")), 60, serve.said)
        (started,) = api("/flow_runs/filter", {})
        assert set(started["tags"]) == {"new scans", "tenview"}
        children = psutil.Process(serve.process.pid).children(recursive=True)
        (server,) = [each for each in children if each.cmdline()[1:5] == ["-m", "prefect", "server", "start"]]
        server.kill()
        assert serve.process.wait(120) == 1
        assert "tenview: the Prefect server ended" in serve.said()
        wait_for(lambda: not serve.work(), SECONDS_TO_CANCEL, serve.work)
        (committed / "incoming/scan.obj").unlink()
        serve.options += ("--cron", "0 3 * * *")
        serve.start()
        assert api.state(started["id"]) == "CRASHED"
        (every_night,) = api.deployment("pipeline")["schedules"]
        assert every_night["active"]
        assert every_night["schedule"]["cron"] == "0 3 * * *"
        assert not api.deployment("render")["schedules"]
    finally:
        serve.kill(signal.SIGKILL)
        (committed / "incoming/scan.obj").unlink(missing_ok=True)
    wait_for(lambda: not api.healthy(), 20)


def test_a_port_that_is_taken_is_told(clone: Path, tmp_path: Path, server: "Api") -> None:
    (tmp_path / "params.yaml").write_bytes((clone / "params.yaml").read_bytes())
    port = server.url.split(":")[2].removesuffix("/api")
    environ = {key: value for key, value in environment().items() if key != "PREFECT_API_URL"}
    ended = subprocess.run(
        [Path(sys.executable).with_name("tenview"), "serve", "--port", port],
        cwd=tmp_path, env=environ | {"PYTHONPATH": str(clone)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"tenview: port {port} is taken. ")
    assert "Traceback" not in ended.stderr


def test_plain_dvc_needs_neither_a_server_nor_prefect(committed: Path, tmp_path: Path) -> None:
    """A Prefect that can't be imported, and a server that is dead, change nothing for `dvc repro`."""
    (tmp_path / "prefect.py").write_text("import pathlib\npathlib.Path(__file__).with_name('loaded').touch()\n1 / 0\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environ = environment() | {"PYTHONPATH": path, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    program = Path(sys.executable).with_name("dvc")
    ended = subprocess.run(
        [program, "repro", "--force", "--single-item", "prepare", "render"],
        cwd=committed, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Running stage") == 2
    assert not (tmp_path / "loaded").exists()
    before = YAML(typ="safe").load(run(committed, "git", "show", "HEAD:dvc.lock").stdout)
    assert YAML(typ="safe").load(committed / "dvc.lock") == before
