"""The flows: the pipeline, and one for each stage. Each runs one `dvc` command and shows its stages as tasks.

The forms hold the values that params.yaml has when this module is imported; each run imports it anew.
"""

import contextlib
import inspect
import logging
import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from prefect import Flow, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, State

from flows import artifacts
from flows.dvc import Dvc, Ran, wait_for_others
from flows.experiments import changed_params, recover, require_git_identity, save
from flows.forms import changes, form, remember
from flows.guard import end_with_runner
from flows.torn_files import mend
from scans.errors import UserError
from stages.cli import STAGES
from stages.params.presets import names as presets
from stages.params.tree import Params, load
from stages.runtime.workspace import stage_lock

DOWNLOAD_RETRIES = 2
NO_PRESET = "none"
NOW = Params()
with contextlib.suppress(UserError):  # each run reads params.yaml again, and fails with what is wrong there
    NOW = load()
SECTIONS = list(type(NOW).model_fields)


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
        force, preset, filled_with = asked.pop("force"), asked.pop("preset", NO_PRESET), asked.pop("form")
        logger = get_run_logger()
        try:
            with stage_lock("run", tell=logger.info):
                wait_for_others(logger.info)
                for line in [*recover(), *mend()]:
                    logger.warning(line)
                changed = changes(load(), asked, None if preset == NO_PRESET else preset, filled_with)
                return run_stages(chosen, changed, force=force)
        except (UserError, StageError) as error:
            return Failed(message=str(error))

    parameters = [*choices, _parameter("force", False, bool)]
    for section in sections:
        model = form(getattr(NOW, section))
        parameters.append(_parameter(section, model(), model))
    parameters.append(_parameter("form", remember({section: getattr(NOW, section) for section in sections}), str))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__name__ = run.__qualname__ = name
    meaning = {section: type(getattr(NOW, section)).__doc__ for section in sections} | HELP
    lines = [f"    {each.name}: {meaning[each.name]}" for each in parameters]
    run.__doc__ = "\n".join([summary, "", "Args:", *lines])
    return flow(name=name, flow_run_name=lambda: _run_name(name), persist_result=False)(run)


HELP = {
    "first": "The stage to start with; earlier ones are left as they are.",
    "last": "The stage to end with.",
    "preset": "A file of presets/, which holds where this form is left as it is.",
    "force": "Run stages that are up to date too.",
    "form": "Which params.yaml filled this form, so that only what you change counts; leave it.",
}


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _run_name(name: str) -> str:
    """`pipeline: render.image_size=96`, from the parameters of the present run; a name that was typed stays."""
    if (typed := flow_run.name) and not _is_generated(typed):
        return typed
    asked: dict[str, Any] = dict(flow_run.parameters or {})
    usual = {"first": next(iter(STAGES)), "last": list(STAGES)[-1], "preset": NO_PRESET, "force": False}
    words = [f"{key}={asked[key]}" for key, value in usual.items() if asked.get(key, value) != value]
    preset = asked.get("preset", NO_PRESET)
    try:
        sections = {key: value for key, value in asked.items() if key in SECTIONS}
        changed = changes(load(), sections, None if preset == NO_PRESET else preset, asked.get("form"))
    except UserError:
        changed = {}  # the run itself will say what is wrong
    words += [f"{key}={value}" for key, value in changed.items()]
    return f"{name}: {', '.join(words) or 'no changes'}"


def _is_generated(name: str) -> bool:
    """Whether Prefect made up the name: its form (`Rustic-Mango`), or its server (two of coolname's words)."""
    adjectives = (
        "Awesome|Rustic|Small|Gorgeous|Fantastic|Sleek|Intelligent|Unbranded|Refined|Licensed|Generic|Practical|"
        "Ergonomic|Handcrafted|Tasty|Handmade|Incredible"
    )
    return bool(re.fullmatch(f"({adjectives})-[^-]+", name)) or set(name.split("-")) <= _cool_words()


@cache
def _cool_words() -> set[str]:
    from coolname.data import config

    lists = (each["words"] for each in config.values() if isinstance(each, dict) and "words" in each)
    return {word for words in lists for word in words}


def run_stages(stages: list[str], changed: dict[str, Any], *, force: bool) -> State[dict[str, Any]]:
    """Run DVC on these stages with these parameters changed; the final state says what ran.

    With changes it is an experiment (`dvc exp show`), and a run that doesn't succeed leaves params.yaml as it was.

    Raises:
        StageError: DVC, or a stage, failed.
        UserError: DVC could not keep the experiment.
    """
    arguments = command(stages, force=force)
    logger = get_run_logger()
    for key, value in changed.items():
        logger.info("params.yaml: %s: %s", key, value)
    logger.info("dvc %s", " ".join(arguments))
    experiment = _experiment_name() if changed else None
    if experiment:
        require_git_identity()
    ran: dict[str, Ran] = {}
    with changed_params(changed):
        with Dvc(*arguments) as dvc:
            for line in dvc.before_stage():
                logger.info(line)
            while found := dvc.stage():
                done = _stage_task(found[0])(dvc, found[0])
                ran.setdefault(done.stage, done)  # DVC that starts again comes to what it has just done
            if dvc.code:
                raise StageError("\n".join(dvc.last_lines))
        if experiment:
            wait_for_others(logger.info)
            save(experiment, stages)
    artifacts.publish(list(ran.values()), experiment)
    outcomes = {each.stage: each.outcome for each in ran.values()}
    summary = ", ".join(f"{stage} {outcome}" for stage, outcome in outcomes.items()) or "nothing to do"
    return Completed(
        message=f"experiment {experiment}; {summary}" if experiment else summary,
        data={"experiment": experiment, "stages": outcomes},
    )


def command(stages: list[str], *, force: bool) -> list[str]:
    """The arguments for `dvc`."""
    arguments = ["--wait-for-lock", "repro", *(["--force"] if force else [])]
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
        level = logging.ERROR if line.startswith(("ERROR", "tenview:")) else logging.INFO
        logger.log(level, "%s", line if line.startswith(f"{stage}: ") else f"{stage}: {line}")
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
    _choices.append(_parameter("preset", NO_PRESET, Literal[(NO_PRESET, *presets())]))

pipeline = make_flow("pipeline", _names, SECTIONS, "Run what is out of date, from a stage to a stage.", *_choices)
download = _stage_flow("download")
prepare = _stage_flow("prepare")
render = _stage_flow("render")
train = _stage_flow("train")
evaluate = _stage_flow("evaluate")
report = _stage_flow("report")
FLOWS = (pipeline, download, prepare, render, train, evaluate, report)
