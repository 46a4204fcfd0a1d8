"""Fits an error head to reconstructions of held-out jaws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import isotonic_regression

from model.cases.case import Case
from model.geometry.surface_distance import surface_distances
from model.metrics.confidence import confidence_metrics, reliability
from model.reconstruction.error_head import FARTHEST, LAYERS, ErrorHead
from model.reconstruction.result import Reconstruction

FOLDS = 4
VERTICES = 4000  # of each case that are looked at, at most
HIDDEN = 16  # width of the hidden layer
DECAY = 1e-3  # penalty of the squared weights, relative to the variance of the logarithms
ITERATIONS = 150  # of L-BFGS
LEAST = 1e-3  # jaw radii, 0.04 mm; shorter distances count as this, for the ground truth is no better
KNOTS = 256  # of the calibration, at most; fewer would round off its steep end, where few jaws err by much


@dataclass(frozen=True, slots=True)
class Sample:
    """Vertices of a reconstruction.

    Attributes:
        evidence: (P, E) float32.
        distances: (P,) float32 to the true surface, in jaw radii.
        radius: of the jaw, in mm.
    """

    evidence: np.ndarray
    distances: np.ndarray
    radius: float


def sample_of(made: Reconstruction, case: Case, rng: np.random.Generator) -> Sample:
    """VERTICES of the reconstruction of a case that has normals, at random."""
    assert made.evidence is not None
    assert made.mesh is not None
    assert case.normals is not None
    kept = np.sort(rng.permutation(len(made.evidence))[:VERTICES])
    vertices = torch.from_numpy(made.mesh.vertices[kept])
    distances = surface_distances(vertices, torch.from_numpy(case.points), torch.from_numpy(case.normals))
    return Sample(made.evidence[kept], distances.numpy(), case.radius)


def fit_error_head(samples: Sequence[Sample]) -> ErrorHead:
    """A head fitted to all cases, and calibrated on cases that it was not fitted to.

    In each of FOLDS a head is fitted to the other cases and scores those of the fold. The distances by isotonic
    regression on these scores are the calibration (cross-fitting); the description says how good they are.

    Args:
        samples: of two cases or more.
    """
    folds = min(FOLDS, len(samples))
    scores = [np.empty(0)] * len(samples)
    for fold in range(folds):
        apart = _fit([sample for number, sample in enumerate(samples) if number % folds != fold])
        for number in range(fold, len(samples), folds):
            scores[number] = apart.score(samples[number].evidence)
    knots = calibration(np.concatenate(scores), np.concatenate([sample.distances for sample in samples]))
    head = _fit(samples)
    radii = np.concatenate([np.full(len(sample.distances), sample.radius) for sample in samples])
    expected = np.interp(np.concatenate(scores), *knots) * radii
    errors = np.concatenate([sample.distances for sample in samples]) * radii
    description = {
        "cases": len(samples),
        **confidence_metrics(expected, errors),
        "deciles": reliability(expected, errors),
    }
    return replace(head, scores=knots[0], distances=knots[1], description=description)


def calibration(scores: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots (K,) of the expectation of a distance, which rises with its score (isotonic regression).

    Args:
        scores, distances: (P,).
    """
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(KNOTS, len(order)))  # means of equal counts: no single point decides an end
    counts = np.array([len(part) for part in parts], np.float64)
    means = np.array([[each[part].mean() for part in parts] for each in (scores, distances)])
    return means[0], isotonic_regression(means[1], weights=counts).x


def _fit(samples: Sequence[Sample]) -> ErrorHead:
    """A head without calibration: least squares of the logarithm of the distances, by L-BFGS from a fixed start."""
    evidence = np.concatenate([sample.evidence for sample in samples]).astype(np.float64)
    logs = np.log(np.maximum(np.concatenate([sample.distances for sample in samples]), LEAST).astype(np.float64))
    mean, scale = evidence.mean(axis=0), np.maximum(evidence.std(axis=0), 1e-6)
    middle, spread = logs.mean(), max(logs.std(), 1e-6)
    inputs = torch.from_numpy(np.clip((evidence - mean) / scale, -FARTHEST, FARTHEST)).float()
    targets = torch.from_numpy((logs - middle) / spread).float()
    start = torch.Generator().manual_seed(0)
    first = torch.randn(inputs.shape[1], HIDDEN, generator=start) / inputs.shape[1] ** 0.5
    last = torch.randn(HIDDEN, generator=start) / HIDDEN**0.5
    bias, offset = torch.zeros(HIDDEN), torch.zeros(())
    free = [each.requires_grad_() for each in (first, bias, last, offset)]
    optimiser = torch.optim.LBFGS(free, max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        residuals = torch.tanh(inputs @ first + bias) @ last + offset - targets
        value = residuals.square().mean() + DECAY * (first.square().sum() + last.square().sum())
        value.backward()
        return value

    optimiser.step(loss)
    found = mean, scale, first, bias, last * spread, offset * spread + middle
    tensors: dict[str, Any] = {
        name: torch.as_tensor(each).detach().float().numpy() for name, each in zip(LAYERS, found, strict=True)
    }
    return ErrorHead(**tensors, scores=np.zeros(1), distances=np.zeros(1), description={})
