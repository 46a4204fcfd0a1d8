"""predict: folders with the pictures of a jaw → its points and surface in millimetres, with an account of both."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError
from stages.prediction.options import FORMATS, Options
from stages.prediction.picture_folder import Pictures, read_pictures
from stages.prediction.result_folder import ACCOUNT, Account, write_case
from stages.prediction.scan_pictures import picture_scan
from stages.prediction.trained import Trained, load_trained
from stages.runtime.progress import say, track
from stages.runtime.workspace import atomic_folder

if TYPE_CHECKING:
    from model.metrics.plausibility import Fit
    from scans.shards.prepared import PreparedCase


def run(folders: Sequence[Path], scans: Sequence[Path], out: Path, model: Path | None, options: Options) -> bool:
    """Reconstruct each folder's jaw, and each scan's from pictures of it, into `out`/<name>.

    One bad folder doesn't stop the others.

    Returns:
        whether all of them could be reconstructed.

    Raises:
        UserError: the model or an option can't be used, two jaws have one name.
    """
    _check(folders, scans, options)
    trained = load_trained(model)

    from model.runtime.memory import disable_malloc_trim

    disable_malloc_trim()
    if trained.calibration is None:
        say(
            "predict: warning: this model has no calibration, so that a bad reconstruction is not noticed. "
            "Run `tenview evaluate`"
        )
    failures, doubtful = [], []
    jobs = [*((path, False) for path in folders), *((path, True) for path in scans)]
    for path, is_scan in track(jobs, len(jobs), "reconstructing"):
        try:
            pictures, truth = _pictures(path, is_scan, trained, options)
            warnings, plausible = _predict_case(pictures, truth, out, trained, options)
        except UserError as error:
            failures.append(path)
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


def _check(folders: Sequence[Path], scans: Sequence[Path], options: Options) -> None:
    if not folders and not scans:
        raise UserError("predict: name a folder with pictures, or a scan by --from-scan")
    names: dict[str, Path] = {}
    for path, name in [*((path, path.resolve().name) for path in folders), *((path, path.stem) for path in scans)]:
        if name in names:
            raise UserError(
                f"{path} and {names[name]} would both be written to {name}. Rename one, or use another --out"
            )
        names[name] = path
    if unknown := set(options.formats) - set(FORMATS):
        raise UserError(f"--formats: {min(unknown)!r} is none of {', '.join(FORMATS)}")


def _pictures(path: Path, is_scan: bool, trained: Trained, options: Options) -> "tuple[Pictures, PreparedCase | None]":
    from stages.per_case.render_case import rig_of

    render = trained.params.render
    rig = rig_of(render)
    absent = set(options.missing or ())
    if not absent < set(range(len(rig))):
        raise UserError(f"--missing: name some of the views 0 to {len(rig) - 1}, but not all of them")
    if not is_scan:
        colour, background = render.style == "colour", render.background
        return read_pictures(path, rig, options.missing, colour=colour, background=background), None
    pictures, truth = picture_scan(path, options.axes, trained.params)
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
    warnings = [*pictures.warnings, *(_doubts(found, trained) if plausible is False else [])]
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


def _doubts(fit: "Fit", trained: Trained) -> list[str]:
    """Why a reconstruction is not plausible, in words."""
    limits = trained.calibration.limits if trained.calibration else None
    doubts = []
    if limits and fit.permutation_gain > limits.permutation_gain:
        if fit.mirror_gain > limits.permutation_gain:
            doubts.append(
                "the pictures look mirrored left to right, or numbered round the jaw the wrong way: view 1 shows the "
                "patient's right, at the right of view 0"
            )
        else:
            moved = ", ".join(f"view {a} looks like view {b}" for a, b in fit.order.items() if a != b)
            doubts.append(f"the pictures seem to be in the wrong order: {moved}")
    if limits and fit.silhouette_iou < limits.silhouette_iou:
        doubts.append(
            f"the reconstruction does not fit the pictures: their silhouettes overlap by {fit.silhouette_iou:.2f}, and "
            f"right ones by {limits.silhouette_iou:.2f} or more; check that they show one upper jaw from the model's "
            f"cameras"
        )
    return doubts
