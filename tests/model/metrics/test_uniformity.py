import numpy as np
import pytest

from model.metrics.uniformity import FRACTIONS, Discs, uniformity
from tests.model.metrics.clouds import all_distances


def test_uniformity_by_its_formula_and_its_order() -> None:
    rng = np.random.default_rng(0)
    gt = np.stack([*(axis.ravel() for axis in np.meshgrid(*[np.linspace(-1, 1, 30)] * 2)), np.zeros(900)], axis=1)
    pred = rng.uniform(-1, 1, (700, 3)) * (1, 1, 0)
    spacing = all_distances(pred, pred)
    np.fill_diagonal(spacing, np.inf)
    spacing = spacing.min(axis=1)
    products = []
    for fraction in FRACTIONS:
        radius = np.sqrt(fraction * 4 / np.pi)
        for seed in gt:
            inside = np.linalg.norm(pred - seed, axis=1) <= radius
            held = (np.linalg.norm(gt - seed, axis=1) <= radius).sum()
            expected, count = held * 700 / 900, inside.sum()
            lattice = np.sqrt(2 * held * 4 / 900 / (np.sqrt(3) * max(count, 1)))
            clutter = ((spacing[inside] if count else np.zeros(1)) - lattice) ** 2 / lattice
            products.append((count - expected) ** 2 / expected * clutter.mean())
    discs = Discs(gt, 4.0, np.random.default_rng(1))
    assert uniformity(pred, spacing, discs) == pytest.approx(np.mean(products), rel=1e-12)
    even = uniformity(gt, np.full(900, 2 / 29), discs)
    assert even == 0  # as many points in each ball as are expected
    heaped = np.repeat(pred[:70], 10, axis=0)
    assert uniformity(heaped, np.zeros(700), discs) > 3 * np.mean(products)
