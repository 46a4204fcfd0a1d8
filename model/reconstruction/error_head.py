"""Estimates, from what is known of it, how far a reconstructed point is from the true surface.

The network stays as it is: the head is fitted afterwards, on reconstructions of held-out jaws, by
`model.reconstruction.fit_error_head`. A score of the evidence, by a network of one hidden layer, becomes an expectation
by isotonic regression (Zadrozny and Elkan 2002).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.reconstruction.head_file import Shape, read_head, write_head

ERROR_HEAD = "error_head.safetensors"  # beside the weights
FORMAT = 2
LAYERS: dict[str, Shape] = {
    "mean": ("E",),
    "scale": ("E",),
    "hidden_weight": ("E", "H"),
    "hidden_bias": ("H",),
    "weight": ("H",),
    "offset": (),
}
ARRAYS: dict[str, Shape] = LAYERS | {"scores": ("K",), "distances": ("K",)}
FARTHEST = 4.0  # standard deviations; evidence that is farther from its mean counts as this


@dataclass(frozen=True)
class ErrorHead:
    """Evidence (P, E) → expected distance (P,) to the true surface, in jaw radii.

    Attributes:
        mean, scale: (E,) of the evidence, which is standardised.
        hidden_weight: (E, H), hidden_bias: (H,) of the hidden layer, whose activation is tanh.
        weight: (H,), offset: () of the score, the expected logarithm of the distance.
        scores, distances: (K,) knots of the calibration, both ascending; linear in between, constant beyond.
        description: how it was fitted, and how well it does on the cases left out of each fold, as plain JSON.
    """

    mean: np.ndarray
    scale: np.ndarray
    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    scores: np.ndarray
    distances: np.ndarray
    description: dict[str, Any]

    def __call__(self, evidence: np.ndarray) -> np.ndarray:
        """(P,) float32"""
        return np.interp(self.score(evidence), self.scores, self.distances).astype(np.float32)

    def score(self, evidence: np.ndarray) -> np.ndarray:
        """(P,) before calibration.

        By einsum, which is not BLAS: after a product OpenBLAS's threads, one for each core, spin for tenths of a
        second, and take the cores from the threads in which other jaws are reconstructed.
        """
        standardised = np.clip((evidence - self.mean) / self.scale, -FARTHEST, FARTHEST)
        hidden = np.tanh(np.einsum("pe,eh->ph", standardised, self.hidden_weight) + self.hidden_bias)
        return np.einsum("ph,h->p", hidden, self.weight) + self.offset


def write_error_head(head: ErrorHead | None, path: Path, weights_sha256: str) -> None:
    """Write a head, with the digest of the weights that it belongs to; None leaves a file without one.

    The same head gives the same bytes.
    """
    arrays = {name: getattr(head, name) for name in ARRAYS} if head else {}
    description = head.description if head else {}
    write_head(path, arrays, description, version=FORMAT, weights_sha256=weights_sha256)


def read_error_head(path: Path, weights_sha256: str) -> ErrorHead | None:
    """The error head of these weights; None if there is none, or the file belongs to others.

    Raises:
        UserError: the file is damaged, or of another version.
    """
    found = read_head(path, ARRAYS, what="an error head", version=FORMAT, weights_sha256=weights_sha256)
    return ErrorHead(**found[0], description=found[1]) if found else None
