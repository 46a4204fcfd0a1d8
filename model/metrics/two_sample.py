"""Distances between two sets of jaws by the features of their views: Fréchet distance and kernel distance.

Both are of few jaws, and the Fréchet distance of few samples is far above 0 even for two sets of one kind. So none of
them is ever given alone: `compare_sets` gives the same distance between two parts of one set, of the same sizes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

DRAWS = 20  # random parts of a set
FEWEST = 2  # jaws on either side, for the kernel distance


class Spread(NamedTuple):
    """A distance over random parts of the sets: its mean and standard deviation."""

    mean: float
    deviation: float


class SetDistances(NamedTuple):
    """One distance between sets A and B, and what it is between parts of one set; None where there are too few jaws.

    Attributes:
        between: from `part` jaws of B to `rest` jaws of A.
        within_a: from `part` jaws of A to the `rest` others of A: what `between` would be if B were of A's kind.
        within_b: from one half of B to the other.
        part, rest: number of jaws.
    """

    between: Spread | None
    within_a: Spread | None
    within_b: Spread | None
    part: int
    rest: int


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of the normal distributions with the means and covariances of two sets (Heusel et al. 2017).

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½), over the views of all jaws at once. The trace of the root is the sum
    of the singular values of R_a R_bᵀ, Σ = RᵀR: no root of a matrix that few samples leave without full rank.

    Args:
        a: (M, V, F). b: (N, V, F). Two views or more on either side.
    """
    (mean_a, root_a), (mean_b, root_b) = _normal(a), _normal(b)
    of_root = float(np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum())
    spread = float(np.square(root_a).sum() + np.square(root_b).sum())
    return float(np.square(mean_a - mean_b).sum()) + spread - 2 * of_root


def _normal(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F,) mean and (min(S, F), F) root R of the covariance RᵀR of S = N · V samples."""
    samples = features.reshape(-1, features.shape[-1])
    mean = samples.mean(axis=0)
    return mean, np.asarray(np.linalg.qr((samples - mean) / np.sqrt(len(samples) - 1), mode="r"))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Kernel distance: the unbiased squared maximum mean discrepancy with a cubic kernel (KID, Bińkowski et al. 2018).

    Its expectation is 0 for two sets of one kind, whatever their sizes; a single value may be below. Jaws are the
    samples, for the views of one jaw depend on each other: the distance is taken for each camera, and averaged.

    Args:
        a: (M, V, F). b: (N, V, F). Two jaws or more on either side.
    """
    m, n, size = len(a), len(b), a.shape[-1]
    x = np.concatenate([a, b]).swapaxes(0, 1)  # (V, M + N, F)
    kernel = (x @ x.swapaxes(1, 2) / size + 1) ** 3
    own = kernel * (1 - np.eye(m + n))
    within = own[:, :m, :m].sum(axis=(1, 2)) / (m * (m - 1)) + own[:, m:, m:].sum(axis=(1, 2)) / (n * (n - 1))
    return float((within - 2 * kernel[:, :m, m:].mean(axis=(1, 2))).mean())


def compare_sets(
    distance: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray, rng: np.random.Generator
) -> SetDistances:
    """A distance between two sets, beside the same between parts of one set.

    Args:
        distance: `frechet_distance` or `kernel_distance`.
        a: (M, V, F), two jaws or more. b: (N, V, F), may be empty.
    """
    part = min(len(b) or len(a), len(a) // 2)
    half = len(b) // 2
    between, within_a, within_b = [], [], []
    for _ in range(DRAWS):
        order_a, order_b = rng.permutation(len(a)), rng.permutation(len(b))
        rest = a[order_a[part:]]
        if part >= FEWEST:
            within_a.append(distance(a[order_a[:part]], rest))
            if len(b):
                between.append(distance(b[order_b[:part]], rest))
        if half >= FEWEST:
            within_b.append(distance(b[order_b[:half]], b[order_b[half:]]))
    return SetDistances(_spread(between), _spread(within_a), _spread(within_b), part, len(a) - part)


def _spread(values: list[float]) -> Spread | None:
    return Spread(float(np.mean(values)), float(np.std(values))) if values else None
