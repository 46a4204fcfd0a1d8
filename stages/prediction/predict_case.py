"""The work of `predict` on one jaw, done in any process."""

import traceback
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.errors import UserError
from stages.prediction.confidence import in_words
from stages.prediction.jaw import reconstruct
from stages.prediction.options import Options
from stages.prediction.picture_folder import Pictures, read_pictures
from stages.prediction.result_folder import check_replaceable, write_case
from stages.prediction.scan_pictures import picture_scan
from stages.prediction.trained import Trained, load_trained
from stages.runtime.workspace import atomic_folder

if TYPE_CHECKING:
    from scans.shards.prepared import PreparedCase


@dataclass(frozen=True, slots=True)
class Job:
    """A jaw: a folder of pictures or a scan, and the name of its results."""

    path: Path
    name: str
    is_scan: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a jaw.

    Attributes:
        job: which it is.
        failure: why it could not be reconstructed; None where it could.
        case: its name as the scan's reader has it.
        said: lines for the user.
        account: what prediction.json says; empty after a failure.
    """

    job: Job
    failure: str | None = None
    case: str = ""
    said: tuple[str, ...] = ()
    account: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1)
def trained_once(model: Path) -> Trained:
    """The model of a folder, loaded once a process, which then keeps the memory that it frees."""
    from model.runtime.memory import disable_malloc_trim

    trained = load_trained(model)
    disable_malloc_trim()
    return trained


@dataclass(frozen=True, slots=True)
class PredictCase:
    """Reconstructs a jaw into `out`/<its name>; whatever goes wrong is the outcome of this jaw alone."""

    model: Path
    out: Path
    options: Options

    def __call__(self, job: Job) -> Outcome:
        import torch

        # More threads would round sums otherwise, and wait for each other beside any other busy process.
        torch.set_num_threads(1)
        try:
            return self._predicted(job, trained_once(self.model))
        except UserError as error:
            return Outcome(job, str(error))
        except Exception as error:  # a fault of ours is one jaw's too
            line = f"{job.name}: failed by a fault of Tenview's ({type(error).__name__}: {error})"
            return Outcome(job, line, said=tuple(traceback.format_exc().rstrip().splitlines()))

    def _predicted(self, job: Job, trained: Trained) -> Outcome:
        pictures, truth, said = _pictures(job, trained, self.options)
        target = self.out / pictures.case
        check_replaceable(target)
        options = self.options
        jaw, made = reconstruct(
            pictures, trained, points=options.points, seed=options.seed, radius=options.radius, truth=truth
        )
        with atomic_folder(target) as folder:
            account = write_case(folder, pictures, jaw, made, truth, trained, options)
        notes = [f"{name}: {note}" for name, made in account.get("meshes", {}).items() for note in made["notes"]]
        if made.left_out:
            notes.append(
                f"left out: {made.left_out:.1%} of the surface, which no picture shows and which may be far off"
            )
        said = [*said, *(f"{pictures.case}: {note}" for note in (*notes, *in_words(jaw.teeth)))]
        return Outcome(job, None, pictures.case, tuple(said), account)


def _pictures(job: Job, trained: Trained, options: Options) -> "tuple[Pictures, PreparedCase | None, list[str]]":
    """The pictures of a jaw, its scan if there is one, and lines for the user."""
    rig = trained.rig
    absent = set(options.missing or ())
    if not absent < set(range(len(rig))):
        raise UserError(f"--missing: name some of the views 0 to {len(rig) - 1}, but not all of them")
    if not job.is_scan:
        return read_pictures(job.path, job.name, rig, options.missing, trained.params.render), None, []
    pictures, truth = picture_scan(job.path, job.name, options.axes, trained.params, rig)
    said = []
    if "orientation" in truth.cleaning:
        from scans.preparing.orientation import in_words

        said.append(f"{pictures.case}: {in_words(truth.cleaning['orientation'])}")
    pictures.view_mask[list(absent)] = False
    pictures.views[list(absent)] = 0
    return pictures, truth, said
