"""Checkpoints: weights in safetensors and a JSON beside them that says what they are; nothing is ever unpickled."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork
from scans.errors import UserError
from scans.files import atomic_file

FORMAT = 2
KINDS: dict[str, type[CloudNetwork] | type[FieldNetwork]] = {"cloud": CloudNetwork, "field": FieldNetwork}


def save_checkpoint(
    network: CloudNetwork | FieldNetwork, path: Path, *, params_digest: str, history: Sequence[Mapping[str, Any]]
) -> None:
    """Write `path` (safetensors) and the JSON of the same name; each appears by rename, complete or not at all.

    Args:
        network: on any device.
        path: ends in .safetensors.
        params_digest: digest of the params the network was trained with.
        history: what training measured, an entry per epoch.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    weights = save(state)
    description = {
        "format": FORMAT,
        "kind": next(name for name, kind in KINDS.items() if isinstance(network, kind)),
        "network": network.kwargs,
        "params_digest": params_digest,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "history": list(history),
    }
    with atomic_file(path) as partial:
        partial.write_bytes(weights)
    with atomic_file(path.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_checkpoint(path: Path) -> tuple[CloudNetwork | FieldNetwork, dict[str, Any]]:
    """Read a checkpoint.

    Args:
        path: the safetensors file; its JSON lies beside it.

    Returns:
        The network in evaluation mode on the CPU, and the JSON's content.

    Raises:
        UserError: a file is missing or broken, the two do not belong together, or the weights are those of another
            network than the JSON describes.
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
        network = KINDS[description["kind"]](**description["network"])
    except (KeyError, TypeError, ValueError, RuntimeError, UserError) as error:
        raise UserError(f"{beside}: describes no network this version can build ({error}); {again}") from error
    try:
        state = load(weights)
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
