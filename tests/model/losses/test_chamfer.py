import pytest
import torch

from model.geometry.neighbours import IndexedPoints
from model.losses.chamfer import chamfer


def test_chamfer_by_hand() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
    truth = IndexedPoints.build(torch.tensor([[0.0, 0, 2], [0, 0, 4], [1, 0, 0]]))
    # There: 1 (to (1, 0, 0)) and 0; back: 2, 4 and 0.
    assert chamfer(predicted, [truth]).tolist() == pytest.approx([(0.5 + 2.0) / 2])


def test_chamfer_of_equal_clouds_is_zero_with_a_finite_gradient() -> None:
    points = torch.rand(1, 100, 3, requires_grad=True)
    value = chamfer(points, [IndexedPoints.build(points[0].detach())])
    value.sum().backward()
    assert value.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_chamfer_and_its_gradient_are_those_of_all_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(2, 90, 3, generator=generator, requires_grad=True)
    truths = torch.rand(2, 70, 3, generator=generator)
    value = chamfer(predicted, [IndexedPoints.build(t) for t in truths])
    (gradient,) = torch.autograd.grad(value.sum(), predicted)
    every = torch.linalg.vector_norm(predicted[:, :, None] - truths[:, None], dim=-1)  # (B, N, M)
    expected = (every.min(dim=2).values.mean(dim=1) + every.min(dim=1).values.mean(dim=1)) / 2
    (expected_gradient,) = torch.autograd.grad(expected.sum(), predicted)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)
