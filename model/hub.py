"""Loads a trained network from a folder or from Hugging Face, without the rest of the pipeline.

from model.hub import from_pretrained
network = from_pretrained("pretrained")  # or "org/name" on Hugging Face
jaw = network.reconstruct(views, view_mask, cameras)
"""

import re
from contextlib import suppress
from pathlib import Path

from model.networks.base import JawNetwork
from model.networks.checkpoint import WEIGHTS, load_checkpoint
from model.reconstruction.error_head import ERROR_HEAD, read_error_head
from model.reconstruction.radius_estimator import RADIUS_ESTIMATOR, read_radius_estimator
from scans.errors import UserError

FILES = (WEIGHTS, Path(WEIGHTS).with_suffix(".json").name)


def from_pretrained(name: str | Path) -> JawNetwork:
    """The network of a folder that `tenview export` wrote, with its heads, in evaluation mode on the CPU.

    A folder without an error head or a radius estimator, as earlier versions wrote, gives a network without one.

    Args:
        name: the folder, or `org/name` of a Hugging Face repository with its files, which is downloaded once.

    Raises:
        UserError: there is none, it can't be downloaded, or its files are damaged.
    """
    folder = Path(name)
    folder = folder if folder.is_dir() else _downloaded(str(name))
    network, description = load_checkpoint(folder / WEIGHTS)
    digest = description["weights_sha256"]
    network.error_head = read_error_head(folder / ERROR_HEAD, digest)
    network.radius_estimator = read_radius_estimator(folder / RADIUS_ESTIMATOR, digest)
    return network


def _downloaded(name: str) -> Path:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise UserError(f"{name}: no such folder, and no org/name of Hugging Face. Name a folder of `tenview export`")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    try:
        weights, _ = (Path(hf_hub_download(name, file)) for file in FILES)
        for file in (ERROR_HEAD, RADIUS_ESTIMATOR):
            with suppress(EntryNotFoundError):  # a model of an earlier version
                hf_hub_download(name, file)
    except (OSError, HfHubHTTPError, ValueError) as error:
        raise UserError(
            f"{name}: no such folder, and not to be had from Hugging Face ({type(error).__name__}). Check the name and "
            "the way to huggingface.co"
        ) from error
    return weights.parent
