"""Files of what is fitted to a network after its training: arrays and a description, as safetensors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from scans.errors import UserError
from scans.files import atomic_file

DESCRIPTION = "tenview"  # key of the description in the file's metadata, which all is text


Shape = tuple[int | str, ...]
"""Of an array; lengths of one name are the same in all arrays of a file."""
H = TypeVar("H")


@dataclass(frozen=True)
class HeadFile(Generic[H]):
    """How heads of a type are written and read.

    Attributes:
        type: a dataclass of arrays, and of `description`, plain JSON.
        what: the type in messages, with its article.
        version: of the format.
        shapes: of the arrays, by name.
    """

    type: Callable[..., H]
    what: str
    version: int
    shapes: Mapping[str, Shape]

    def write(self, head: H | None, path: Path, weights_sha256: str) -> None:
        """Write a head, with the digest of the weights that it belongs to; None leaves a file without one.

        Arrays are stored as float32. The same head gives the same bytes.
        """
        own: dict[str, Any] = vars(head) if head else {}
        told = {"format": self.version, "weights_sha256": weights_sha256, **own.get("description", {})}
        tensors = {name: np.asarray(own[name], np.float32) for name in self.shapes} if head else {}
        content = save(tensors, {DESCRIPTION: json.dumps(told)})
        with atomic_file(path) as partial:
            partial.write_bytes(content)

    def read(self, path: Path, weights_sha256: str) -> H | None:
        """The head of these weights; None if there is none, or the file belongs to others.

        Raises:
            UserError: the file is damaged, or of another version.
        """
        if not path.is_file():
            return None
        again = "run `tenview evaluate` or export the model again"
        try:
            with safe_open(path, "numpy") as file:
                description = json.loads((file.metadata() or {})[DESCRIPTION])
                if description.pop("format") != self.version:
                    raise UserError(f"{path}: {self.what} of another version; {again}")
                if description.pop("weights_sha256") != weights_sha256 or not file.keys():
                    return None
                arrays = {name: file.get_tensor(name) for name in self.shapes}
            _check(arrays, self.shapes)
        except (SafetensorError, KeyError, ValueError, AttributeError, OSError) as error:
            raise UserError(f"{path}: not readable as {self.what} ({error}); {again}") from None
        return self.type(**arrays, description=description)


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
