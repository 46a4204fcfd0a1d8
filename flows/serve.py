"""`tenview serve`: puts the flows into the Prefect UI and runs what is triggered there, one run at a time."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from flows.experiments import is_running_with, recover
from flows.pages import PAGES_URL, served_reports
from flows.server import HOME, LOG, Server, own_server
from scans.errors import UserError
from stages.params.tree import PARAMS_FILE, load
from stages.runtime.progress import say
from stages.runtime.server_log import server_errors
from stages.runtime.workspace import stage_lock

if TYPE_CHECKING:
    from flows.deployments import Deployments

SECONDS_BETWEEN_QUERIES = 0.5  # for triggered runs; Prefect's own 10 s would be most of a short run
SECONDS_TO_REPORT = 9.0  # in which a run that is ended reports that it has crashed
SECONDS_BETWEEN_LOOKS = 5.0  # at the folder that is watched, and at the server's log
SECONDS_TO_SCHEDULE = 90.0  # in which a server makes the runs of a schedule

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: `tenview serve` prints the UI's address; Ctrl-C ends it.",
)
def serve(
    port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65534,
            help="Port of the server that is started where PREFECT_API_URL is not set; the next serves reports/.",
        ),
    ] = 4200,
    name: Annotated[
        str, typer.Option(help="What follows the stage in the deployments' names; the folder's name if left out.")
    ] = "",
    cron: Annotated[str, typer.Option(help="Run the pipeline by this schedule too, such as `0 3 * * *`.")] = "",
    watch: Annotated[bool, typer.Option(help="Run the pipeline when scans come into download.directory.path.")] = False,
) -> None:
    """Serve the pipeline and its stages in the Prefect UI; runs started there wait for each other."""
    load()  # a mistake in it is told before anything starts
    say("tenview serve: starting")  # Prefect takes seconds to load
    if any(sign in name for sign in "/%&><"):
        raise UserError(f"--name {name}: Prefect takes no name with one of / % & > <")
    _check_cron(cron)
    with stage_lock("serve"), served_reports(port + 1) as pages, _api(port) as server:
        os.environ[PAGES_URL] = pages
        asyncio.run(_serve(name, cron, watch, server))


def _check_cron(cron: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=cron or "0 0 * * *")
    except ValueError:
        raise UserError(
            f"--cron {cron!r}: no schedule. Write minute, hour, day, month and day of the week: "
            "'0 3 * * *' is 3:00 UTC every day."
        ) from None


@contextlib.contextmanager
def _api(port: int) -> Iterator[Server | None]:
    """Have Prefect's settings name a server: the configured one, or one of our own, which it yields."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with contextlib.ExitStack() as stack:
        server = None
        if not PREFECT_API_URL.value():
            server = stack.enter_context(own_server(port))
            settings = {PREFECT_API_URL: server.api, PREFECT_API_AUTH_STRING: server.auth, PREFECT_HOME: HOME.resolve()}
            stack.enter_context(temporary_settings(settings))
        yield server


async def _serve(name: str, cron: str, watch: bool, server: Server | None) -> None:
    from prefect.runner import Runner
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

    from flows.deployments import Deployments, mark_crashed

    await _check_server()
    with stage_lock("run"):  # no orphan of an earlier serve's is at work any more
        for line in recover():
            say(line)
    scans = _scans()
    runner = Runner(name=f"tenview-{name or Path.cwd().name}", limit=1, query_seconds=SECONDS_BETWEEN_QUERIES)
    deployments = Deployments(runner, name, shared=server is None)
    await deployments.deploy()
    await deployments.schedule(cron)
    await mark_crashed(deployments.ids.values())
    ui = PREFECT_UI_URL.value() or PREFECT_API_URL.value().removesuffix("/api")
    say(f"Tenview in the Prefect UI: {server.sign_in if server else ui}")
    running = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # in which the runner takes over the signals, that are ours
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watches = [running, stop.wait(), _follow_params(deployments), _watch_schedules(deployments)]
    if server:
        watches += [_end_of(server), _watch_log(server)]
    if watch:
        watches.append(_watch(deployments.ids["pipeline"], scans))
    tasks = [asyncio.ensure_future(each) for each in watches]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    # With a dead server there is nobody to report to.
    patience = 0.5 if server and server.process.poll() is not None else SECONDS_TO_REPORT
    await _end_runs(patience)
    for task in tasks:
        task.cancel()
    _, stuck = await asyncio.wait(tasks, timeout=patience)
    for error in filter(None, (task.exception() for task in done)):
        if stuck:  # the runner would go on trying to reach the server
            say(f"tenview: {error}")
            os._exit(1)
        raise error


async def _check_server() -> None:
    """Raise UserError where the server does not answer, or does not let us in."""
    import httpx
    from prefect.settings import get_current_settings

    url, auth = get_current_settings().api.url, get_current_settings().api.auth_string
    known = httpx.BasicAuth(*auth.get_secret_value().split(":", 1)) if auth else None
    try:
        # Not Prefect's client, which would try for minutes.
        async with httpx.AsyncClient(timeout=10, auth=known) as client:
            answer = await client.get(f"{url}/admin/version")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UserError(
            f"PREFECT_API_URL={url}: no Prefect server answers ({error or type(error).__name__}). Start it, mend the "
            "address, or unset it (`prefect config unset PREFECT_API_URL`) to have a server of the project's own."
        ) from None
    if answer.status_code in (401, 403):
        raise UserError(f"PREFECT_API_URL={url}: the server wants to know who asks; set PREFECT_API_AUTH_STRING.")
    if not answer.is_success:
        raise UserError(f"PREFECT_API_URL={url}: no Prefect server, or one that fails (HTTP {answer.status_code}).")


async def _follow_params(deployments: "Deployments") -> None:
    """Bring the forms up to date whenever params.yaml changes, other than by a run that may yet take it back."""
    served = PARAMS_FILE.read_bytes()
    while True:
        await asyncio.sleep(1)
        if not PARAMS_FILE.exists() or (now := PARAMS_FILE.read_bytes()) == served or is_running_with(now):
            continue
        served = now
        try:
            load()
            await deployments.deploy()
        except Exception as error:  # a half edited file, or code that was changed; runs start with the new code
            say(f"tenview: the forms keep their old values: {error}")


async def _watch_schedules(deployments: "Deployments") -> None:
    """Tell of schedules that the server lets lie: its UI shows them as active."""
    import httpx

    told: set[str] = set()
    before: set[str] = set()
    while True:
        now: set[str] = set()
        with contextlib.suppress(httpx.HTTPError):  # of a server under load, or of one that ends
            now = set(await deployments.without_scheduled_runs())
        for name in sorted(before & now - told):
            say(f"tenview: the server makes no runs for the schedule of {name}. See its log, and `tenview doctor`.")
            told.add(name)
        before = now
        await asyncio.sleep(SECONDS_TO_SCHEDULE)


async def _watch_log(server: Server) -> None:
    """Tell of services of our own server that fail, each once."""
    told: set[str] = set()
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        for error in server_errors(server.log).keys() - told:
            say(f"tenview: the Prefect server: {error}. See {server.log}, and `tenview doctor`.")
            told.add(error)


async def _end_of(server: Server) -> None:
    while server.process.poll() is None:
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
