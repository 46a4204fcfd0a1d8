import itertools

import numpy as np
import pytest
import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.matched import matched


def test_the_matching_is_the_best_of_all_and_only_far_pairs_count() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(1, 6, 3, generator=generator) * 0.08
    predicted.requires_grad_()
    truth = torch.rand(6, 3, generator=generator) * 0.08
    every = torch.linalg.vector_norm(predicted[0, :, None] - truth, dim=-1)
    best = min(itertools.permutations(range(6)), key=lambda order: every[range(6), order].sum().item())
    lengths = every[range(6), best]
    for progress in (0.0, 0.9):
        value = matched(
            predicted, [IndexedPoints.build(truth)], points=6, progress=progress, rng=np.random.default_rng(0)
        )
        far = lengths[lengths > 0.035 * (1 - 0.7 * progress)]
        assert len(far) > 0
        assert value.item() == pytest.approx(far.mean().item())
        expected, got = (torch.autograd.grad(v, predicted, retain_graph=True)[0] for v in (far.mean(), value.sum()))
        torch.testing.assert_close(got, expected)


def test_near_pairs_cost_nothing_and_leave_a_gradient_of_zero() -> None:
    points = torch.rand(1, 40, 3, requires_grad=True)
    truth = IndexedPoints.build(points[0].detach().flip(0) + 0.001)
    value = matched(points, [truth], points=40, progress=0.0, rng=np.random.default_rng(0))
    value.sum().backward()
    assert value.item() == 0
    assert not points.grad.any()
