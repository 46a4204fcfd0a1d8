"""Files of what is fitted to a network after its training: arrays and a description, as safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from scans.errors import UserError
from scans.files import atomic_file

DESCRIPTION = "tenview"  # key of the description in the file's metadata, which all is text


def write_head(
    path: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any], *, version: int, weights_sha256: str
) -> None:
    """Write arrays, as float32, with the digest of the weights that they belong to. The same gives the same bytes."""
    told = {"format": version, "weights_sha256": weights_sha256, **description}
    tensors = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    content = save(tensors, {DESCRIPTION: json.dumps(told)})
    with atomic_file(path) as partial:
        partial.write_bytes(content)


Shape = tuple[int | str, ...]
"""Of an array; lengths of one name are the same in all arrays of a file."""


def read_head(
    path: Path, shapes: Mapping[str, Shape], *, what: str, version: int, weights_sha256: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The arrays of these names and shapes, and the description; None if there are none, or they are of other weights.

    Args:
        what: for messages, with its article.

    Raises:
        UserError: the file is damaged, or of another version.
    """
    if not path.is_file():
        return None
    again = "run `tenview evaluate` or export the model again"
    try:
        with safe_open(path, "numpy") as file:
            description = json.loads((file.metadata() or {})[DESCRIPTION])
            if description.pop("format") != version:
                raise UserError(f"{path}: {what} of another version; {again}")
            if description.pop("weights_sha256") != weights_sha256 or not file.keys():
                return None
            arrays = {name: file.get_tensor(name) for name in shapes}
        _check(arrays, shapes)
        return arrays, description
    except (SafetensorError, KeyError, ValueError, AttributeError, OSError) as error:
        raise UserError(f"{path}: not readable as {what} ({error}); {again}") from None


def _check(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Shape]) -> None:
    lengths: dict[str, int] = {}
    for name, shape in shapes.items():
        found = arrays[name].shape
        expected = tuple(
            lengths.setdefault(length, own) if isinstance(length, str) else length
            for length, own in zip(shape, found, strict=False)
        )
        if len(found) != len(shape) or found != expected:
            raise ValueError(f"{name} has the shape {found}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} is not finite")
