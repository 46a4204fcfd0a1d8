"""Plausibility limits, error head and radius estimator of a trained network, from the validation split.

`evaluate` writes them into reports/, `export` copies them beside the weights, `predict` reads them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from scans.errors import UserError
from scans.files import atomic_file
from scans.shards.naming import shard_paths
from scans.shards.table import read_columns
from stages.params.tree import ComputeParams
from stages.per_case.reconstruct_case import ReconstructCase, reconstruct_cases
from stages.runtime.progress import say, track
from stages.runtime.workspace import CALIBRATION, ERROR_HEAD, PREPARED, RADIUS_ESTIMATOR, VIEWS

if TYPE_CHECKING:
    import numpy as np

    from model.cases.case import Case
    from model.metrics.plausibility import Limits
    from model.networks.base import JawNetwork

MOST_CASES = 100
MOST_TRAINING_JAWS = 500  # whose crowns are measured
POINTS = 50_000  # of the reconstructions that the limits are found with


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `predict` needs besides the weights.

    Attributes:
        weights_sha256: digest of the weights that it belongs to.
        radius_mm: mean radius of the training jaws.
        cases: number of validation cases that were reconstructed.
        limits: bounds of the fit of silhouettes.
    """

    weights_sha256: str
    radius_mm: float
    cases: int
    limits: "Limits"


def calibrate(network: "JawNetwork", folder: Path, weights_sha256: str, compute: ComputeParams) -> Calibration | None:
    """Fit the plausibility limits and the network's heads to the validation split; None without validation cases.

    The network gets an error head and a radius estimator, which are written into reports/. Where it makes no surface,
    or jaws have no labels, there is none, and the file is an empty one.

    Args:
        network: that of the model's folder, on the device to use; still without heads, which would leave out what they
            are to be fitted to.
    """
    import numpy as np

    from model.cases.dataset import CaseDataset
    from model.metrics.plausibility import fit, limits
    from model.reconstruction.error_head import write_error_head
    from model.reconstruction.fit_error_head import fit_error_head, sample_of
    from model.reconstruction.fit_radius_estimator import HeldOut, fit_radius_estimator
    from model.reconstruction.radius_estimator import write_radius_estimator
    from scans.seeds import generator

    radii = [
        radius for path in shard_paths(PREPARED, "train") for radius in read_columns(path, ["radius"])[0].to_pylist()
    ]
    cases = CaseDataset(PREPARED, VIEWS, "validation", surface=True)
    if not cases or not radii:
        say("evaluate: no training or no validation cases here, so the plausibility limits are kept")
        return None
    count = min(len(cases), MOST_CASES)
    fits, samples, held_out = [], [], []
    work = ReconstructCase(folder, weights_sha256, "validation", seed=0, heads=False, points=POINTS)
    what = "calibrating on validation"
    for case, made in reconstruct_cases(network, cases, count, work, compute=compute, what=what):
        assert case.cameras is not None  # shards have them
        fits.append(fit(made.points, case.views, case.view_mask, case.cameras))
        if made.evidence is not None:
            samples.append(sample_of(made, case, generator(0, case.id)))
        if made.mesh is not None and made.mesh.labels is not None and made.radius is not None:
            observed = _sizes(np.asarray(made.mesh.vertices), made.mesh.labels, made.radius)
            held_out.append(HeldOut(observed, _sizes_of(case)))
    head = fit_error_head(samples) if len(samples) > 1 else None
    write_error_head(head, ERROR_HEAD, weights_sha256)
    network.error_head = head
    if head:
        say(
            f"evaluate: expected errors have a rank correlation of {head.description['error_rank_correlation']:.2f} "
            f"with the real ones, on validation jaws left out of the fit; {ERROR_HEAD}"
        )
    estimator = fit_radius_estimator(_training_sizes(), held_out) if held_out else None
    write_radius_estimator(estimator, RADIUS_ESTIMATOR, weights_sha256)
    network.radius_estimator = estimator
    if estimator:
        share = estimator.description["share"]
        say(f"evaluate: {share:.0%} of a radius is by the sizes of crowns, the rest by the network; {RADIUS_ESTIMATOR}")
    return Calibration(weights_sha256, fmean(radii), count, limits(fits))


def _training_sizes() -> "np.ndarray":
    """(J, S + 1) logarithms of the crown sizes and of the radius of training jaws, evenly chosen."""
    import numpy as np

    from model.cases.dataset import CaseDataset

    cases = CaseDataset(PREPARED, VIEWS, "train", surface=True)
    chosen = np.linspace(0, len(cases) - 1, min(len(cases), MOST_TRAINING_JAWS)).round().astype(int).tolist()
    return np.array([_sizes_of(cases[number]) for number in track(chosen, len(chosen), "measuring crowns")])


def _sizes_of(case: "Case") -> "np.ndarray":
    assert case.labels is not None  # read with the surface
    return _sizes(case.points, case.labels, case.radius)


def _sizes(points: "np.ndarray", labels: "np.ndarray", radius: float) -> "np.ndarray":
    """(S + 1,) logarithms of crown sizes and radius."""
    import numpy as np

    from model.reconstruction.radius_estimator import log_crown_sizes

    return np.append(log_crown_sizes(points, labels), np.log(radius))


def write_calibration(found: Calibration) -> None:
    """Write calibration.json into reports/."""
    with atomic_file(CALIBRATION) as path:
        path.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    say(f"evaluate: plausible from a silhouette IoU of {found.limits.silhouette_iou:.2f} on; {CALIBRATION}")


def read_calibration(path: Path, weights_sha256: str) -> Calibration | None:
    """The calibration of these weights; None if the file is missing or belongs to others.

    Raises:
        UserError: the file is damaged.
    """
    from model.metrics.plausibility import Limits

    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = Calibration(**values | {"limits": Limits(**values["limits"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"{path}: no calibration ({error}). Run `tenview evaluate` or export the model again") from None
    return found if found.weights_sha256 == weights_sha256 else None
