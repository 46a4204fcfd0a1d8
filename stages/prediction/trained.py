"""Loads a trained model with its params and calibration, from the project or from an exported folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError
from stages.params import tree as parameters
from stages.params.rendered_by import check_views_record
from stages.params.tree import PARAMS_FILE, Params
from stages.per_case.render_case import rig_of
from stages.prediction.calibration import Calibration, read_calibration
from stages.prediction.heads import read_heads
from stages.runtime.workspace import CALIBRATION, MODEL, NETWORK, RIGS, is_export, model_folder

if TYPE_CHECKING:
    from model.networks.base import JawNetwork
    from scans.cameras import Camera


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model.

    Attributes:
        network: in evaluation mode, on the CPU, with its error head and radius estimator if there are any.
        weights_sha256, params_digest: as the checkpoint has them.
        params: those of its training data; `render.crop` is the network's own.
        rig: the cameras of its views, before any crop.
        calibration: None if there is none of these weights.
    """

    network: "JawNetwork"
    weights_sha256: str
    params_digest: str
    params: Params
    rig: "list[Camera]"
    calibration: Calibration | None


def load_trained(folder: Path | None) -> Trained:
    """Load a model.

    Args:
        folder: one that `tenview export` made; one without params of its own, such as artifacts/model, takes the
            project's params.yaml and what `evaluate` left in reports/. None takes artifacts/model, or the pretrained
            one where that holds none.

    Raises:
        UserError: a file is missing or damaged, or the project's params.yaml is no more that of the training.
    """
    # Read before torch is loaded, which takes seconds, so that errors come at once.
    if folder and folder != MODEL and not (folder / NETWORK).is_file():
        raise UserError(f"{folder}: no model there. Name a folder that `tenview export` wrote, or none")
    folder = folder or model_folder()
    own = is_export(folder)
    params, rig = params_and_rig(folder)
    if not own:
        check_views_record(folder, params.render)

    from model.networks.checkpoint import load_checkpoint

    network, description = load_checkpoint(folder / NETWORK)
    digest = description["weights_sha256"]
    calibration = read_calibration(folder / CALIBRATION.name if own else CALIBRATION, digest)
    read_heads(network, folder, digest)
    params = params.model_copy(update={"render": params.render.model_copy(update={"crop": network.config.crop})})
    return Trained(network, digest, description["params_digest"], params, rig, calibration)


def params_and_rig(folder: Path) -> "tuple[Params, list[Camera]]":
    """The params of a model's training data, and the cameras of its views before any crop; no network is loaded.

    A rig of a file is read from the folder's own `rigs`, which an exported model brings along, or else the project's.

    Raises:
        UserError: a file is missing or malformed.
    """
    params = parameters.load(folder / PARAMS_FILE if is_export(folder) else PARAMS_FILE)
    own = folder / RIGS
    return params, rig_of(params.render, own if (own / params.render.rig).is_file() else RIGS)
