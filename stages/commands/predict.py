"""predict: folders with the pictures of a jaw → its points and surface in millimetres, with an account of both."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scans.cases.naming import LONGEST, case_id, readable
from scans.errors import UserError
from stages.prediction.doubts import doubts
from stages.prediction.options import FORMATS, Options
from stages.prediction.picture_folder import Pictures, read_pictures
from stages.prediction.result_folder import ACCOUNT, Account, write_case
from stages.prediction.scan_pictures import picture_scan
from stages.prediction.trained import Trained, load_trained
from stages.runtime.progress import say, track
from stages.runtime.workspace import atomic_folder

if TYPE_CHECKING:
    from scans.shards.prepared import PreparedCase


@dataclass(frozen=True, slots=True)
class _Job:
    """A jaw: a folder of pictures or a scan, and the name of its results."""

    path: Path
    name: str
    is_scan: bool


def run(folders: Sequence[Path], scans: Sequence[Path], out: Path, model: Path | None, options: Options) -> bool:
    """Reconstruct each folder's jaw, and each scan's from pictures of it, into `out`/<its name>.

    One bad folder doesn't stop the others.

    Returns:
        whether all of them could be reconstructed.

    Raises:
        UserError: the model or an option can't be used, one jaw is there twice.
    """
    jobs = _jobs(folders, scans)
    if unknown := set(options.formats) - set(FORMATS):
        raise UserError(f"--formats: {min(unknown)!r} is none of {', '.join(FORMATS)}")
    trained = load_trained(model)

    from model.runtime.memory import disable_malloc_trim

    disable_malloc_trim()
    if trained.calibration is None:
        say(
            "predict: warning: this model has no calibration, so that a bad reconstruction is not noticed. "
            "Run `tenview evaluate`"
        )
    failures, doubtful = [], []
    for job in track(jobs, len(jobs), "reconstructing"):
        try:
            pictures, truth = _pictures(job, trained, options)
            warnings, plausible = _predict_case(pictures, truth, out, trained, options)
        except UserError as error:
            failures.append(job.name)
            say(f"predict: {error}")
            continue
        for warning in warnings:
            say(f"predict: {pictures.case}: warning: {warning}")
        if plausible is False:
            doubtful.append(pictures.case)
    done = len(jobs) - len(failures)
    tail = f"; don't trust {', '.join(doubtful)}" if doubtful else ""
    say(f"predict: {done} of {len(jobs)} jaws in {out}{tail}")
    return not failures


def _jobs(folders: Sequence[Path], scans: Sequence[Path]) -> list[_Job]:
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
            return [_Job(*job) for job in zip(paths, names, is_scan, strict=True)]
    twice = next((path for n, path in enumerate(paths) if whole[n] in whole[:n]), paths[0])
    raise UserError(f"predict: {readable(twice)} is there twice, or beside another of its name. Name each jaw once")


def _name(path: Path) -> str:
    """A single folder's or scan's own name, where it is text that a file name of ours can hold."""
    own = path.name
    return own if len(path.parts) == 1 and own.isprintable() and len(own.encode()) <= LONGEST else case_id(path)


def _pictures(job: _Job, trained: Trained, options: Options) -> "tuple[Pictures, PreparedCase | None]":
    from stages.per_case.render_case import rig_of

    render = trained.params.render
    rig = rig_of(render)
    absent = set(options.missing or ())
    if not absent < set(range(len(rig))):
        raise UserError(f"--missing: name some of the views 0 to {len(rig) - 1}, but not all of them")
    if not job.is_scan:
        return read_pictures(job.path, job.name, rig, options.missing, render), None
    pictures, truth = picture_scan(job.path, job.name, options.axes, trained.params)
    if "orientation" in truth.cleaning:
        from scans.preparing.orientation import in_words

        say(f"predict: {pictures.case}: {in_words(truth.cleaning['orientation'])}")
    pictures.view_mask[list(absent)] = False
    pictures.views[list(absent)] = 0
    return pictures, truth


def _predict_case(
    pictures: Pictures, truth: "PreparedCase | None", out: Path, trained: Trained, options: Options
) -> tuple[list[str], bool | None]:
    """Write a jaw's folder. Returns the warnings, and whether it is plausible, None where that isn't known."""
    from model.metrics.plausibility import fit

    target = out / pictures.case
    if target.exists() and not (target / ACCOUNT).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: there is something else than a prediction. Use another --out")
    if reason := trained.network.check_rig(len(pictures.views)):
        raise UserError(f"{pictures.case}: {reason}. Set render.rig")
    made = trained.network.reconstruct(
        pictures.views, pictures.view_mask, pictures.cameras, options.points, options.seed
    )
    found = fit(made.points, pictures.views, pictures.view_mask, pictures.cameras)
    limits = trained.calibration.limits if trained.calibration else None
    plausible = limits.allow(found) if limits else None
    warnings = [*pictures.warnings, *(doubts(found, limits) if limits else [])]
    radius, origin = _radius(made.radius, truth, trained, options)
    account = Account(found, plausible, tuple(warnings), radius, origin)
    with atomic_folder(target) as folder:
        write_case(folder, pictures, replace(made, radius=radius), truth, account, trained, options)
    return warnings, plausible


def _radius(
    predicted: float | None, truth: "PreparedCase | None", trained: Trained, options: Options
) -> tuple[float, str]:
    """Millimetres per unit, and where they come from."""
    if options.radius is not None:
        return options.radius, "--radius"
    if truth is not None:
        return truth.radius, "the scan"
    if predicted is not None:
        return predicted, "the network"
    if trained.calibration is not None:
        return trained.calibration.radius_mm, "the mean of the training jaws"
    raise UserError("predict: the jaw's size is unknown. Give --radius in mm, or run `tenview evaluate` for the mean")
