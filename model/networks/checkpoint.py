"""Checkpoints: weights in safetensors, and a JSON file with the network's config and history. Nothing is unpickled."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from model.networks.base import JawNetwork
from model.networks.registry import NETWORKS
from scans.errors import UserError
from scans.files import atomic_file

FORMAT = 4
WEIGHTS = "network.safetensors"


def save_checkpoint(
    network: JawNetwork,
    path: Path,
    *,
    params_digest: str,
    history: Sequence[Mapping[str, Any]],
    half: bool = False,
) -> None:
    """Write the weights, and the JSON file of the same name. Each file appears by rename, complete or not at all.

    Args:
        network: on any device.
        path: ends in .safetensors.
        params_digest: digest of the params of the training.
        history: losses and metrics, an entry per epoch.
        half: whether matrices and convolutions are stored in float16, in half the space; vectors and buffers, which
            take hardly any, keep their float32.
    """
    halved = {key for key, value in network.named_parameters() if half and value.ndim > 1}
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    weights = save({key: value.half() if key in halved else value for key, value in state.items()})
    description = {
        "format": FORMAT,
        "kind": network.kind,
        "network": asdict(network.config),
        "params_digest": params_digest,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "history": list(history),
    }
    with atomic_file(path) as partial:
        partial.write_bytes(weights)
    with atomic_file(path.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_checkpoint(path: Path) -> tuple[JawNetwork, dict[str, Any]]:
    """Read a checkpoint.

    Args:
        path: the safetensors file, with its JSON file beside it.

    Returns:
        The network in float32, in evaluation mode on the CPU, and the content of the JSON file.

    Raises:
        UserError: a file is missing or damaged, the two do not belong together, or the weights do not fit the config.
    """
    beside = path.with_suffix(".json")
    again = "run `dvc repro train` to make it again"
    try:
        description = json.loads(beside.read_text(encoding="utf-8"))
        weights = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: no such file; {again}") from None
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{beside}: not readable as a checkpoint's JSON ({error}); {again}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise UserError(f"{beside}: not a checkpoint of format {FORMAT}; {again}")
    if description.get("weights_sha256") != hashlib.sha256(weights).hexdigest():
        raise UserError(f"{path}: not the weights that {beside.name} describes, one of the two is damaged; {again}")
    try:
        kind = NETWORKS[description["kind"]]
        network = kind(kind.config_type(**description["network"]))
    except (KeyError, TypeError, ValueError, RuntimeError, UserError) as error:
        raise UserError(f"{beside}: describes no network this version can build ({error}); {again}") from error
    try:
        state = network.upgraded(load(weights))
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); {again}") from error
    _check(path, state, network.state_dict())
    network.load_state_dict(state)
    return network.eval(), description


def _check(path: Path, state: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    for what, names in (("lacks", expected.keys() - state.keys()), ("also holds", state.keys() - expected.keys())):
        if names:
            raise UserError(
                f"{path}: weights of another network: it {what} {len(names)} tensors, such as {min(names)}; "
                "use the JSON that was written with it"
            )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise UserError(
                f"{path}: weights of another network: {name} has the shape {tuple(tensor.shape)}, "
                f"expected {tuple(expected[name].shape)}; use the JSON that was written with it"
            )
