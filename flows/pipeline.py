"""The flows: the pipeline, and one for each stage. Each runs one `dvc` command and shows its stages as tasks.

The forms hold the values that params.yaml has when this module is imported; each run imports it anew.
"""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, State

from flows import artifacts
from flows.dvc import Dvc, Ran, override
from flows.forms import changes, flat, form
from flows.runner import end_with_runner
from scans.errors import UserError
from scans.files import atomic_file
from stages.cli import STAGES
from stages.params.presets import names as presets
from stages.params.tree import PARAMS_FILE, load

NOW = load()
SECTIONS = list(type(NOW).model_fields)
DOWNLOAD_RETRIES = 2


class StageError(Exception):
    """DVC ended with an error; the message is what it said last."""


def make_flow(
    name: str, stages: list[str], sections: list[str], summary: str, *choices: inspect.Parameter
) -> Flow[..., Any]:
    """A flow with a form of `choices` and `sections`, which runs `stages` or, with the choices, some of them."""

    def run(**asked: Any) -> State[dict[str, Any]]:
        end_with_runner()
        first, last = asked.pop("first", stages[0]), asked.pop("last", stages[-1])
        chosen = stages[stages.index(first) : stages.index(last) + 1]
        if not chosen:
            return Failed(message=f"first={first} comes after last={last}")
        force, preset = asked.pop("force"), asked.pop("preset", None)
        try:
            return run_stages(chosen, changes(load(), asked, preset), force=force)
        except (UserError, StageError) as error:
            return Failed(message=str(error))

    parameters = [*choices, _parameter("force", False, bool)]
    for section in sections:
        model = form(getattr(NOW, section))
        parameters.append(_parameter(section, model(), model))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = name
    meaning = {section: type(getattr(NOW, section)).__doc__ for section in sections} | HELP
    lines = [f"    {each.name}: {meaning[each.name]}" for each in parameters]
    run.__doc__ = "\n".join([summary, "", "Args:", *lines])
    return flow(name=name, flow_run_name=lambda: _run_name(name), persist_result=False)(run)


HELP = {
    "first": "The stage to start with; earlier ones are left as they are.",
    "last": "The stage to end with.",
    "preset": "A file of presets/, which holds where this form is left as params.yaml has it.",
    "force": "Run stages that are up to date too.",
}


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _run_name(name: str) -> str:
    """`pipeline: render.image_size=96`, from the parameters of the present run."""
    asked: dict[str, Any] = dict(flow_run.parameters or {})
    usual = {"first": next(iter(STAGES)), "last": list(STAGES)[-1], "preset": None, "force": False}
    words = [f"{key}={asked[key]}" for key, value in usual.items() if asked.get(key, value) != value]
    try:
        changed = changes(load(), {key: value for key, value in asked.items() if key in SECTIONS}, asked.get("preset"))
    except UserError:
        changed = {}  # the run itself will say what is wrong
    words += [f"{key}={value}" for key, value in changed.items()]
    return f"{name}: {', '.join(words) or 'no changes'}"


def run_stages(stages: list[str], changed: dict[str, Any], *, force: bool) -> State[dict[str, Any]]:
    """Run DVC on these stages with these parameters changed; the final state says what ran.

    With changes it is an experiment (`dvc exp show`), and a run that doesn't succeed leaves params.yaml as it was.

    Raises:
        StageError: DVC, or a stage, failed.
    """
    experiment = _experiment_name() if changed else None
    arguments = command(stages, changed, force=force, experiment=experiment)
    logger = get_run_logger()
    logger.info("dvc %s", " ".join(arguments))
    ran: list[Ran] = []
    with _params_restored(changed), Dvc(*arguments) as dvc:
        for line in dvc.before_stage():
            logger.info(line)
        while found := dvc.stage():
            ran.append(_stage_task(found[0])(dvc, found[0]))
        if dvc.code:
            raise StageError("\n".join(dvc.last_lines))
    artifacts.publish(ran, experiment)
    outcomes = {each.stage: each.outcome for each in ran}
    summary = ", ".join(f"{stage} {outcome}" for stage, outcome in outcomes.items()) or "nothing to do"
    return Completed(
        message=f"experiment {experiment}; {summary}" if experiment else summary,
        data={"experiment": experiment, "stages": outcomes},
    )


@contextmanager
def _params_restored(changed: dict[str, Any]) -> Iterator[None]:
    """Take the changes out of params.yaml again if the block fails, unless somebody has edited it meanwhile."""
    before, expected = PARAMS_FILE.read_bytes(), flat(load().model_dump(mode="json")) | changed
    try:
        yield
    except BaseException:
        if flat(load().model_dump(mode="json")) == expected:
            with atomic_file(PARAMS_FILE) as partial:
                partial.write_bytes(before)
        raise


def command(stages: list[str], changed: dict[str, Any], *, force: bool, experiment: str | None) -> list[str]:
    """The arguments for `dvc`: a plain `repro`, or `exp run` where there is an experiment to be named."""
    arguments = ["--wait-for-lock", *(["exp", "run", "--name", experiment] if experiment else ["repro"])]
    for key, value in changed.items():
        arguments += ["-S", override(key, value)]
    if force:
        arguments.append("--force")
    # All stages up to one, or just these; DVC brings what is before them up to date in the first case alone.
    return [*arguments, *([stages[-1]] if stages[0] == next(iter(STAGES)) else ["--single-item", *stages])]


def _experiment_name() -> str:
    """A name that tells the flow run, and is new each time the same flow run is tried again."""
    tries = flow_run.run_count or 1
    return f"ui-{(flow_run.id or '0')[:8]}" + (f"-{tries}" if tries > 1 else "")


def _stage_task(stage: str) -> Callable[[Dvc, str], Ran]:
    retries = DOWNLOAD_RETRIES if stage == "download" else 0
    return task(
        name=stage,
        task_run_name=stage,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=retries,
        retry_delay_seconds=[5.0, 30.0][:retries],
        retry_jitter_factor=0.5,
    )(follow_stage)


def follow_stage(dvc: Dvc, stage: str) -> Ran:
    """Log what DVC and the stage say until DVC goes on to the next stage; the stage's task.

    Raises:
        StageError: the stage failed. When Prefect tries again, DVC is started again.
    """
    logger = get_run_logger()
    if dvc.code is not None:
        dvc.again()
        for line in dvc.before_stage():
            logger.info(line)
    found = dvc.stage()
    outcome = found[1] if found else "failed"
    progress = artifacts.Progress(stage)
    started = time.monotonic()
    for line in dvc.before_stage():
        logger.log(40 if line.startswith(("ERROR", "tenview:")) else 20, line)
        progress.read(line)
    if dvc.code:
        raise StageError("\n".join(dvc.last_lines))
    progress.finish()
    return Ran(stage, outcome, time.monotonic() - started)


def _stage_flow(stage: str) -> Flow[..., Any]:
    return make_flow(
        stage, [stage], [section for section in (stage, "compute") if section in SECTIONS], STAGES[stage][0]
    )


_names = list(STAGES)
_choices = [
    _parameter("first", _names[0], Literal[tuple(_names)]),
    _parameter("last", _names[-1], Literal[tuple(_names)]),
]
if presets():
    _choices.append(_parameter("preset", None, Literal[tuple(presets())] | None))

pipeline = make_flow("pipeline", _names, SECTIONS, "Run what is out of date, from a stage to a stage.", *_choices)
download = _stage_flow("download")
prepare = _stage_flow("prepare")
render = _stage_flow("render")
train = _stage_flow("train")
evaluate = _stage_flow("evaluate")
report = _stage_flow("report")
FLOWS = (pipeline, download, prepare, render, train, evaluate, report)
