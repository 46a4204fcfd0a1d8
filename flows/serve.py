"""`tenview serve`: puts the flows into the Prefect UI and runs what is triggered there, one run at a time."""

import asyncio
import contextlib
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from flows.pages import PAGES_URL, served_reports
from flows.server import HOME, LOG, own_server
from scans.errors import UserError
from stages.params.tree import PARAMS_FILE, load
from stages.runtime.progress import say
from stages.runtime.workspace import stage_lock

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.runner import Runner

SECONDS_BETWEEN_QUERIES = 1.0  # for triggered runs; Prefect's own 10 s would be most of a short run
SECONDS_TO_REPORT = 9.0  # in which a run that is ended reports that it has crashed
SECONDS_BETWEEN_LOOKS = 5.0  # at the folder that is watched

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: `tenview serve` prints the UI's address; Ctrl-C ends it.",
)
def serve(
    port: Annotated[
        int,
        typer.Option(
            help="Port of the server that is started where PREFECT_API_URL is not set; the next serves reports/."
        ),
    ] = 4200,
    name: Annotated[str, typer.Option(help="Name of the deployments; the folder's name if left out.")] = "",
    cron: Annotated[str, typer.Option(help="Run the pipeline by this schedule too, such as `0 3 * * *`.")] = "",
    watch: Annotated[bool, typer.Option(help="Run the pipeline when scans come into download.directory.path.")] = False,
) -> None:
    """Serve the pipeline and its stages in the Prefect UI; runs started there wait for each other."""
    load()  # a mistake in it is told before anything starts
    with stage_lock("serve"), served_reports(port + 1) as pages, _api(port) as server:
        os.environ[PAGES_URL] = pages
        asyncio.run(_serve(name or Path.cwd().name, cron, watch, server))


@contextlib.contextmanager
def _api(port: int) -> "Iterator[subprocess.Popen[bytes] | None]":
    """Have Prefect's settings name a server: the configured one, or one of our own, whose process it yields."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with contextlib.ExitStack() as stack:
        process = None
        if not PREFECT_API_URL.value():
            address, process = stack.enter_context(own_server(port))
            stack.enter_context(temporary_settings({PREFECT_API_URL: address, PREFECT_HOME: HOME.resolve()}))
        yield process


async def _serve(name: str, cron: str, watch: bool, server: "subprocess.Popen[bytes] | None") -> None:
    from prefect.runner import Runner
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

    scans = _scans()
    runner = Runner(name=f"tenview-{name}", limit=1, query_seconds=SECONDS_BETWEEN_QUERIES)
    pipeline, *_ = deployments = await _deploy(runner, name, cron)
    await _mark_crashed(deployments)
    say(f"Tenview in the Prefect UI: {PREFECT_UI_URL.value() or PREFECT_API_URL.value().removesuffix('/api')}")
    running = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # in which the runner takes over the signals, that are ours
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks = [running, asyncio.create_task(stop.wait()), asyncio.create_task(_follow_params(runner, name, cron))]
    if server:
        tasks.append(asyncio.create_task(_end_of(server)))
    if watch:
        tasks.append(asyncio.create_task(_watch(pipeline, scans)))
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    # With a dead server there is nobody to report to.
    patience = 0.5 if server and server.poll() is not None else SECONDS_TO_REPORT
    await _end_runs(patience)
    for task in tasks:
        task.cancel()
    _, stuck = await asyncio.wait(tasks, timeout=patience)
    for error in filter(None, (task.exception() for task in done)):
        if stuck:  # the runner would go on trying to reach the server
            say(f"tenview: {error}")
            os._exit(1)
        raise error


async def _deploy(runner: "Runner", name: str, cron: str) -> list[UUID]:
    """Put the flows, with forms that hold the present values of params.yaml, on the server."""
    from prefect.deployments.runner import EntrypointType

    flows = importlib.import_module("flows.pipeline")
    deployments = []
    for flow in flows.FLOWS:
        schedule = cron if cron and flow.name == "pipeline" else None
        deployment = await flow.ato_deployment(
            name, cron=schedule, paused=False, tags=["tenview"], entrypoint_type=EntrypointType.MODULE_PATH
        )
        deployments.append(await runner.aadd_deployment(deployment))
    return deployments


async def _follow_params(runner: "Runner", name: str, cron: str) -> None:
    """Bring the forms up to date whenever params.yaml changes."""
    served = PARAMS_FILE.read_bytes()
    while True:
        await asyncio.sleep(1)
        if not PARAMS_FILE.exists() or (now := PARAMS_FILE.read_bytes()) == served:
            continue
        served = now
        try:
            importlib.reload(importlib.import_module("flows.pipeline"))
            await _deploy(runner, name, cron)
        except (
            Exception
        ) as error:  # a half edited file, or code that was changed meanwhile; runs start with the new code
            say(f"tenview: the forms keep their old values: {error}")


async def _mark_crashed(deployments: Iterable[UUID]) -> None:
    """Report the runs as crashed that were in progress when an earlier `tenview serve` was killed."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterId,
        FlowRunFilterState,
        FlowRunFilterStateType,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed, State

    unfinished = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    crashed: State[None] = Crashed(
        message="tenview serve, or the server, ended while this ran. Run it again: it goes on from there."
    )
    client: PrefectClient
    async with get_client() as client:
        runs = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployments))),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))),
        )
        for run in runs:
            tasks = await client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
                task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=unfinished))),
            )
            for task in tasks:
                await client.set_task_run_state(task.id, crashed, force=True)
            await client.set_flow_run_state(run.id, crashed, force=True)
            say(f"crashed, as an earlier tenview serve was killed: {run.name}")


async def _end_of(server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        await asyncio.sleep(1)
    raise UserError(f"the Prefect server ended; see {LOG}. Start tenview serve again.")


async def _end_runs(patience: float) -> None:
    """End the processes of runs in progress; they report themselves as crashed."""
    import psutil

    def is_run(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return "prefect.engine" in process.cmdline()
        return False

    runs = [process for process in psutil.Process().children() if is_run(process)]
    for process in runs:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    await asyncio.to_thread(psutil.wait_procs, runs, patience)


async def _watch(pipeline: UUID, known: dict[str, tuple[int, int]]) -> None:
    """Start the pipeline whenever the folder of scans is other than known, and has been still for one look."""
    from prefect.client.orchestration import get_client

    seen = known
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        before, seen = seen, _scans()
        if seen != known and seen == before:
            known = seen
            async with get_client() as client:
                await client.create_flow_run_from_deployment(
                    pipeline, parameters={"download": {"source": "directory"}}, tags=["new scans"]
                )


def _scans() -> dict[str, tuple[int, int]]:
    """Size and time of each file in the folder that download.directory names."""
    with contextlib.suppress(UserError, OSError):
        files = Path(load().download.directory.path).rglob("*")
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file()}
    return {}


def main() -> None:
    """Run the command; a user's mistake ends with a message and exit code 1, never a traceback."""
    try:
        app(prog_name="tenview serve")
    except UserError as error:
        say(f"tenview: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
