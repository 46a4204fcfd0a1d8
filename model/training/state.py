"""The state of a training in one safetensors file, from which it is resumed. Nothing is unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from scans.files import atomic_file

FORMAT = 1


def save_state(
    path: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer, position: Mapping[str, Any]
) -> None:
    """Write `path`; it appears by rename, complete or not at all.

    Args:
        modules: on any device, by a name each.
        optimizer: its moments are kept; what its groups hold is for the caller to set.
        position: plain JSON values.
    """
    tensors = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": value for key, value in moments.items()}
    # One key: safetensors writes several in an order of its own, new in each process.
    metadata = {"tenview": json.dumps({"format": FORMAT, "position": position})}
    with atomic_file(path) as partial:
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, partial, metadata)


def load_state(path: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore modules and optimiser; returns the position.

    None, with everything left as it was, if there is no such file, or one of another format or network.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        description = json.loads(metadata["tenview"])
    except (FileNotFoundError, SafetensorError, KeyError, ValueError):
        return None
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        part, key = name.split("/", 1)
        parts.setdefault(part, {})[key] = tensor
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in parts.pop("optimizer", {}).items():
        number, key = name.split("/")
        moments.setdefault(int(number), {})[key] = tensor
    own = {name: module.state_dict() for name, module in modules.items()}
    if description["format"] != FORMAT or _shapes(own) != _shapes(parts):
        return None
    for name, module in modules.items():
        module.load_state_dict(parts[name])
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, values in moments.items():
        for key, value in values.items():
            if value.shape == parameters[index].shape:
                # The fused step reads memory in order, so moments must lie as their weights do (channels_last).
                values[key] = torch.empty_like(parameters[index]).copy_(value)
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return description["position"]


def _shapes(parts: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, dict[str, torch.Size]]:
    return {name: {key: tensor.shape for key, tensor in part.items()} for name, part in parts.items()}
