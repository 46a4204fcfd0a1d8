"""Estimates, from what is known of it, how far a reconstructed point is from the true surface.

The network stays as it is: the head is fitted afterwards, on reconstructions of held-out jaws, by
`model.reconstruction.fit_error_head`. A score of the evidence, by a network of one hidden layer, becomes an expectation
by isotonic regression (Zadrozny and Elkan 2002).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.reconstruction.head_file import HeadFile, Shape

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


_FILE = HeadFile(ErrorHead, "an error head", FORMAT, ARRAYS)
write_error_head, read_error_head = _FILE.write, _FILE.read
