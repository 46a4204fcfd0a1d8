"""`tenview serve` on a real server: what the UI can do, by the API that the UI uses."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from scans.shards.views import read_views
from tests.clones import environment, new_clone, run
from tests.conftest import free_port
from tests.dask_cluster import two_workers
from tests.flows.conftest import SMALL, Api, Serve, needs_prefect, wait_for

pytestmark = needs_prefect
SECONDS_TO_CANCEL = 10


def partial_files(clone: Path) -> list[Path]:
    return [path for path in clone.glob("**/.*.partial") if ".dvc" not in path.parts]


def width_of_views(clone: Path) -> int:
    png = next(iter(read_views(next((clone / "data/views").glob("train-*.parquet"))))).views[0]
    return int.from_bytes(png[16:20], "big")


@pytest.mark.usefixtures("committed")
def test_two_triggers_queue_and_what_is_up_to_date_does_not_run(serve: Serve, server: Api) -> None:
    as_the_form_is_left = server.form("pipeline") | {"last": "render"}
    started = [
        server.trigger("pipeline", run_name="before the holidays", **as_the_form_is_left),
        server.trigger("pipeline", last="render", compute={"workers": 2}),
    ]
    first, second = (server.finished(each["id"]) for each in started)
    assert first["end_time"] <= second["start_time"] or second["end_time"] <= first["start_time"]
    unchanged = "download unchanged, prepare unchanged, render unchanged"
    assert (first["name"], first["state"]["message"]) == ("before the holidays", unchanged)
    # No stage depends on how the work is done.
    assert second["name"] == "pipeline: last=render, compute.workers=2"
    assert second["state"]["message"] == f"experiment ui-{second['id'][:8]}; {unchanged}"
    rows = json.loads(server.artifacts(first["id"])["stages"]["data"])
    assert [row["stage"] for row in rows] == ["download", "prepare", "render"]
    assert not serve.work()


@pytest.mark.usefixtures("serve")
def test_only_what_was_changed_in_a_form_counts_and_alone_changes(committed: Path, server: Api) -> None:
    """The form was opened before somebody set `light` and lost `background`; a schedule of the UI's outlives it all."""
    render = server.deployment("render")["id"]
    (schedule,) = server(
        f"/deployments/{render}/schedules", [{"active": False, "schedule": {"cron": "0 5 * * *", "timezone": "UTC"}}]
    )
    opened = server.form("render")
    before = (committed / "params.yaml").read_text()
    edited = before.replace("  light: 5.0\n", "  light: 4.0\n").replace("  background: 255\n", "")
    (committed / "params.yaml").write_text(edited)
    opened["render"] |= {"image_size": 32, "background": 250}
    done = server.finished(server.trigger("render", run_name="Rustic-Jaguar", **opened)["id"])
    assert done["state"]["type"] == "COMPLETED", server.log(done["id"])
    name = f"ui-{done['id'][:8]}"
    assert done["name"] == "render: render.image_size=32, render.background=250"
    assert done["state"]["message"] == f"experiment {name}; render ran"
    assert name in run(committed, "dvc", "exp", "show", "--json").stdout
    assert width_of_views(committed) == 32
    after = (committed / "params.yaml").read_text()
    assert set(after.splitlines()) - set(edited.splitlines()) == {"  image_size: 32", "  background: 250"}
    assert set(edited.splitlines()) - set(after.splitlines()) == {"  image_size: 24"}
    assert "render: rendering shards: " in server.log(done["id"])
    assert server.artifacts(done["id"])["contact-sheet-train"]["data"].startswith("data:image/png;base64,")
    # The form follows params.yaml, which holds the experiment's values now.
    now = {"image_size": 32, "background": 250, "light": 4.0}.items()
    wait_for(lambda: now <= server.form("render")["render"].items(), 60, lambda: server.form("render"))
    assert [each["id"] for each in server.deployment("render")["schedules"]] == [schedule["id"]]
    server(f"/deployments/{render}/schedules/{schedule['id']}", method="DELETE")


@pytest.mark.usefixtures("committed", "serve")
def test_a_schedule_starts_runs(server: Api) -> None:
    deployment = server.deployment("download")["id"]
    every = {"interval": 15, "anchor_date": "2026-01-01T00:00:00Z"}
    (schedule,) = server(f"/deployments/{deployment}/schedules", [{"active": True, "schedule": every}])
    scheduled = {"flow_runs": {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["COMPLETED"]}}}}

    def by_schedule() -> list[str]:
        runs = server("/flow_runs/filter", scheduled)
        return [each["state"]["message"] for each in runs if each["auto_scheduled"]]

    wait_for(lambda: bool(by_schedule()), 120, lambda: server("/flow_runs/filter", {}))
    server(f"/deployments/{deployment}/schedules/{schedule['id']}", method="DELETE")
    assert set(by_schedule()) == {"download unchanged"}
    unfinished = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}}
    wait_for(lambda: not server("/flow_runs/filter", unfinished), 60)


@pytest.mark.usefixtures("serve")
def test_a_stage_works_on_the_dask_cluster_of_the_form(committed: Path, server: Api, tmp_path: Path) -> None:
    with two_workers(tmp_path, committed) as address:
        asked = {"render": {"image_size": 40}, "compute": {"executor": "dask", "scheduler": address}}
        done = server.finished(server.trigger("render", **asked)["id"])
        assert done["state"]["message"] == f"experiment ui-{done['id'][:8]}; render ran", server.log(done["id"])
    assert width_of_views(committed) == 40


@pytest.mark.usefixtures("serve")
@pytest.mark.parametrize(
    ("flow", "parameters", "message"),
    [
        ("render", {"render": {"image_size": 3}}, "3 is less than the minimum of 16"),
        ("render", {"render": {"image_siz": 64}}, "image_siz"),
        ("pipeline", {"first": "rendr"}, "'rendr' is not one of"),
    ],
)
def test_a_bad_value_is_refused(server: Api, flow: str, parameters: dict, message: str) -> None:
    code, answer = server.trigger(flow, **parameters)
    assert code == 409
    assert message in answer


@pytest.mark.usefixtures("serve")
def test_what_no_single_bound_tells_fails_before_dvc_runs(server: Api) -> None:
    done = server.finished(server.trigger("download", download={"synthetic": {"jaws": 4, "test_jaws": 3}})["id"])
    assert done["state"]["type"] == "FAILED"
    assert "leaves fewer than 2 of 4 jaws" in done["state"]["message"]


@pytest.mark.usefixtures("serve")
def test_a_params_yaml_that_is_wrong_is_why_a_run_fails(committed: Path, server: Api) -> None:
    (committed / "params.yaml").write_text("render: {image_siz: 24}\n")
    done = server.finished(server.trigger("render")["id"])
    assert done["state"]["type"] == "FAILED"
    assert "params.yaml: render.image_siz: unknown key; did you mean render.image_size?" in done["state"]["message"]


@pytest.mark.usefixtures("serve")
def test_a_stage_that_fails_tells_how_its_last_output_comes_back(committed: Path, server: Api) -> None:
    done = server.finished(server.trigger("render", render={"rig": "nowhere.json"})["id"])
    assert done["state"]["type"] == "FAILED"
    assert "data/views is not there" in done["state"]["message"]
    assert "`dvc checkout render` brings the last ones back" in done["state"]["message"]
    assert not (committed / "data/views").exists()
    run(committed, "dvc", "checkout", "render")
    assert width_of_views(committed) == 24


def test_cancelling_ends_everything_and_leaves_the_project_as_it_was(
    serve: Serve, server: Api, committed: Path
) -> None:
    params = (committed / "params.yaml").read_bytes()
    (committed / "README.md").write_text("mine")
    run(committed, "git", "add", "README.md")
    started = serve.long_run()
    server.cancel(started)
    wait_for(lambda: server.state(started) == "CANCELLED", SECONDS_TO_CANCEL, lambda: server.log(started))
    assert not serve.work()
    assert (committed / "params.yaml").read_bytes() == params
    assert not partial_files(committed)
    # In the old way DVC, killed, left Git's index so that no further run with changes could begin.
    again = server.finished(server.trigger("pipeline", last="render", compute={"workers": 2})["id"])
    assert again["state"]["message"].endswith("; download restored, prepare unchanged, render unchanged")
    assert run(committed, "git", "diff", "--cached", "--name-only").stdout == "README.md\n"
    run(committed, "dvc", "exp", "run", "--set-param", "compute.workers=1", "--single-item", "render")
    run(committed, "git", "reset", "-q")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_whose_server_of_runs_ends_has_crashed(
    serve: Serve, server: Api, committed: Path, number: signal.Signals
) -> None:
    started = serve.long_run()
    serve.kill(number)
    wait_for(lambda: not serve.work(), SECONDS_TO_CANCEL, serve.work)
    wait_for(lambda: not serve.processes("prefect.engine"), 15, lambda: serve.processes("prefect.engine"))
    assert not partial_files(committed)
    serve.start()
    assert server.finished(started)["state"]["type"] == "CRASHED"
    again = server.finished(server.trigger("pipeline", last="download", compute={"workers": 2})["id"])
    assert again["state"]["type"] == "COMPLETED", server.log(again["id"])


def test_a_clone_of_the_same_name_leaves_the_others_runs_alone(
    serve: Serve, server: Api, committed: Path, project: Path, tmp_path: Path
) -> None:
    own = {each["id"] for each in server("/deployments/filter", {})}
    (tmp_path / committed.name).mkdir()
    other = Serve(new_clone(project, tmp_path / committed.name, SMALL), server)
    started = serve.long_run()
    other.start()
    try:
        assert server.state(started) == "RUNNING"
        added = [each for each in server("/deployments/filter", {}) if each["id"] not in own]
        assert len(added) == len(own) == 7
        for each in added:
            server(f"/deployments/{each['id']}", method="DELETE")
    finally:
        other.kill(signal.SIGTERM)
    assert server.state(started) == "RUNNING"
    server.cancel(started)
    server.finished(started)


def test_a_shell_and_the_ui_wait_for_each_other(serve: Serve, server: Api, committed: Path) -> None:
    again = ["repro", "--force", "--single-item", "download"]
    dvc = str(Path(sys.executable).with_name("dvc"))

    def shell(*command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, cwd=committed, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    first = shell(dvc, *again)
    wait_for(lambda: bool(serve.processes("tenview download")), 300)
    started = server.trigger("download", force=True)["id"]
    assert first.wait(600) == 0
    assert server.finished(started)["state"]["message"] == "download ran", server.log(started)

    started = server.trigger("download", force=True)["id"]
    wait_for(lambda: bool(serve.processes("tenview download")), 300)
    waiting, refused = shell("flock", ".tenview/run.lock", dvc, *again), shell(dvc, *again)
    assert refused.wait(300)
    assert "is busy, it is being blocked by" in refused.communicate()[0]
    assert server.finished(started)["state"]["message"] == "download ran", server.log(started)
    assert waiting.wait(600) == 0, waiting.communicate()


def test_its_own_server_and_what_happens_when_that_dies(committed: Path) -> None:
    """New scans start a run; the server is killed in the middle of it; both start again; they end together."""
    port = free_port()
    serve = Serve(committed, None, ("--port", str(port), "--watch"))
    (committed / ".tenview/serve.lock").unlink(missing_ok=True)  # the other one, in this clone too, is idle
    told = serve.start()
    auth = committed / ".tenview/prefect/auth"
    api = Api(f"http://127.0.0.1:{port}", auth.read_text(), committed / ".tenview/prefect")
    link = base64.b64encode(auth.read_bytes()).decode()
    assert told == f"Tenview in the Prefect UI: http://127.0.0.1:{port}/sign-in#{link}"
    assert auth.stat().st_mode & 0o777 == 0o600
    try:
        assert api.deployment("render")["name"] == f"render-{committed.name}"
        (committed / "incoming/scan.obj").write_text("v 0 0 0\n")
        wait_for(lambda: bool(serve.processes("dvc --")), 60, serve.said)
        (started,) = api("/flow_runs/filter", {})
        assert set(started["tags"]) == {"new scans", "tenview"}
        children = psutil.Process(serve.process.pid).children(recursive=True)
        (server,) = [each for each in children if each.cmdline()[1:3] == ["-m", "uvicorn"]]
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
        by_schedule = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        wait_for(lambda: bool(api("/flow_runs/filter", by_schedule)), 60, serve.said)
        assert {each["expected_start_time"][11:16] for each in api("/flow_runs/filter", by_schedule)} == {"03:00"}
    finally:
        serve.kill(signal.SIGKILL)
        (committed / "incoming/scan.obj").unlink(missing_ok=True)
    wait_for(lambda: not api.healthy(), 20)


@pytest.mark.parametrize(
    ("options", "api", "message"),
    [
        (["--port", "{port}"], "", "port {port} is taken. If that is your Prefect server, set PREFECT_API_URL="),
        (["--port", "80000"], "", "Invalid value for '--port'"),
        (["--cron", "every day"], "", "--cron 'every day': no schedule. Write minute, hour, day, month and"),
        ([], "http://127.0.0.1:9/api", "PREFECT_API_URL=http://127.0.0.1:9/api: no Prefect server answers"),
        ([], "{url}/api", "the server wants to know who asks; set PREFECT_API_AUTH_STRING."),
    ],
)
def test_what_can_not_be_served_is_told_in_words(
    clone: Path, tmp_path: Path, server: Api, options: list[str], api: str, message: str
) -> None:
    (tmp_path / "params.yaml").write_bytes((clone / "params.yaml").read_bytes())
    places = {"port": server.url.split(":")[2], "url": server.url}
    environ = {key: value for key, value in environment().items() if not key.startswith("PREFECT_")}
    environ |= {"PYTHONPATH": str(clone)} | ({"PREFECT_API_URL": api.format(**places)} if api else {})
    ended = subprocess.run(
        [Path(sys.executable).with_name("tenview"), "serve", *(option.format(**places) for option in options)],
        cwd=tmp_path, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode
    assert message.format(**places) in ended.stderr
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
