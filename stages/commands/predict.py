"""predict: folders with the pictures of a jaw → its points and surface in millimetres, with an account of both."""

import os
from collections.abc import Sequence
from pathlib import Path

from scans.cases.naming import LONGEST, case_id, readable
from scans.errors import UserError
from scans.mesh_files.writers import SURFACE_FORMATS
from stages.params import tree as parameters
from stages.params.tree import ComputeParams
from stages.prediction.options import FORMATS, Options
from stages.prediction.outcome_table import OutcomeTable
from stages.prediction.predict_case import Job, Outcome, PredictCase, trained_once
from stages.prediction.view_names import view_number
from stages.runtime.map_surviving import map_surviving
from stages.runtime.progress import say
from stages.runtime.workspace import is_export, model_folder
from stages.sources.left_out import tell


def run(
    folders: Sequence[Path],
    scans: Sequence[Path],
    out: Path,
    model: Path | None,
    options: Options,
    table: Path | None = None,
) -> bool:
    """Reconstruct each folder's jaw, and each scan's from pictures of it, into `out`/<its name>, on all cores.

    A folder of folders stands for all in it. One bad folder doesn't stop the others.

    Args:
        table: a .csv or .jsonl file to write, the other kind beside it: a row for each jaw.

    Returns:
        whether all of them could be reconstructed.

    Raises:
        UserError: the model or an option can't be used, one jaw is there twice.
    """
    jobs = _jobs(
        [each for folder in folders for each in folders_in(folder)], [each for scan in scans for each in scans_in(scan)]
    )
    if unknown := set(options.formats) - set(FORMATS):
        raise UserError(f"--formats: {min(unknown)!r} is none of {', '.join(FORMATS)}")
    if (options.solid or options.teeth) and not set(options.formats) & set(SURFACE_FORMATS):
        option = "--solid" if options.solid else "--teeth"
        raise UserError(f"{option} writes surfaces: add one of {', '.join(SURFACE_FORMATS)} to --formats")
    rows = OutcomeTable(table)
    model = model or model_folder()
    repair = "Export it again" if is_export(model) else "Run `tenview evaluate`"
    trained = trained_once(model)
    if trained.calibration is None:
        say(f"predict: warning: this model has no calibration, so that a bad reconstruction is not noticed. {repair}")
    if trained.network.kind == "field" and trained.network.error_head is None:
        say(f"predict: this model has no error head, so that no expected errors are given. {repair}")
    failures, doubtful = 0, []
    work = PredictCase(model, out, options)
    for outcome in map_surviving(work, jobs, _lost, compute=_compute(), what="reconstructing"):
        rows.add(outcome)
        for line in outcome.said:
            say(f"predict: {line}")
        if outcome.failure is not None:
            failures += 1
            say(f"predict: {outcome.failure}")
            continue
        for warning in outcome.account["warnings"]:
            say(f"predict: {outcome.case}: warning: {warning}")
        if outcome.account["plausible"] is False:
            doubtful.append(outcome.case)
    rows.close()
    tail = f"; don't trust {', '.join(doubtful)}" if doubtful else ""
    say(f"predict: {len(jobs) - failures} of {len(jobs)} jaws in {out}{tail}")
    return not failures


def _compute() -> ComputeParams:
    """The project's workers on this machine, or one for each core."""
    try:
        workers = parameters.load().compute.workers
    except UserError:  # this folder is no project, or another program's
        workers = 0
    return ComputeParams(workers=workers)


def _lost(job: Job) -> Outcome:
    return Outcome(job, f"{readable(job.path)}: the process that worked on it died, most likely for lack of memory")


def folders_in(folder: Path) -> list[Path]:
    """The folder; or, if it holds no picture of a view but folders in it do, these.

    A folder in it that holds none stands for itself, so that it is told of; of others, all within that hold some.
    """
    if not folder.is_dir() or _holds_views(folder):
        return [folder]
    within = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    below = [
        [each for each in (path, *sorted(path.rglob("*"))) if each.is_dir() and _holds_views(each)] for path in within
    ]
    if not any(below):
        return [folder]
    return [each for path, found in zip(within, below, strict=True) for each in (found or [path])]


def _holds_views(folder: Path) -> bool:
    return any(view_number(path.name) is not None for path in folder.iterdir())


def scans_in(path: Path) -> list[Path]:
    """The scan, or the upper jaws' scans in a folder, as the source `directory` finds them.

    Raises:
        UserError: the folder holds none, or one scan in two formats.
    """
    if not path.is_dir():
        return [path]
    from scans.cases.folder import find_scans

    found = find_scans(path)
    tell(found.left_out, path, "predict")
    if not found.scans:
        raise UserError(
            f"{path}: no scan of an upper jaw. Name a scan, or a folder with some: OBJ, PLY, STL, OFF, VTP, GLB"
        )
    return [scan.mesh for scan in found.scans]


def _jobs(folders: Sequence[Path], scans: Sequence[Path]) -> list[Job]:
    """What is to be done, each under the name of its folder or scan; those of one name get their parents' before it.

    Raises:
        UserError: there is nothing to do, or one folder or scan is there twice.
    """
    if not folders and not scans:
        raise UserError("predict: name a folder with pictures, or a scan by --from-scan")
    paths, is_scan = [*folders, *scans], [False] * len(folders) + [True] * len(scans)
    whole = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  # a link keeps the name that it has here
    whole[len(folders) :] = [path.with_suffix("") for path in whole[len(folders) :]]
    for depth in range(1, max(len(path.parts) for path in whole)):
        names = [_name(Path(*path.parts[1:][-depth:])) for path in whole]
        if len(set(names)) == len(names):
            return [Job(*job) for job in zip(paths, names, is_scan, strict=True)]
    twice = next((path for n, path in enumerate(paths) if whole[n] in whole[:n]), paths[0])
    raise UserError(f"predict: {readable(twice)} is there twice, or beside another of its name. Name each jaw once")


def _name(path: Path) -> str:
    """A single folder's or scan's own name, where it is text that a file name of ours can hold."""
    own = path.name
    return own if len(path.parts) == 1 and own.isprintable() and len(own.encode()) <= LONGEST else case_id(path)
