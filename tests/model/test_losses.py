import pytest
import torch

from model.losses import LossWeights, chamfer, index_l1, loss_terms, weights_at
from model.neighbours import Cloud


def test_chamfer_by_hand() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [1, 0, 0]]])
    truth = Cloud.of(torch.tensor([[0.0, 0, 2], [0, 0, 4], [1, 0, 0]]))
    # There: 1 (to (1, 0, 0)) and 0; back: 2, 4 and 0.
    assert chamfer(predicted, [truth]).tolist() == pytest.approx([(0.5 + 2.0) / 2])


def test_chamfer_of_equal_clouds_is_zero_with_a_finite_gradient() -> None:
    points = torch.rand(1, 100, 3, requires_grad=True)
    value = chamfer(points, [Cloud.of(points[0].detach())])
    value.sum().backward()
    assert value.item() == 0
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_chamfer_and_its_gradient_are_those_of_all_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.rand(2, 90, 3, generator=generator, requires_grad=True)
    truths = torch.rand(2, 70, 3, generator=generator)
    value = chamfer(predicted, [Cloud.of(t) for t in truths])
    (gradient,) = torch.autograd.grad(value.sum(), predicted)
    every = torch.linalg.vector_norm(predicted[:, :, None] - truths[:, None], dim=-1)  # (B, N, M)
    expected = (every.min(dim=2).values.mean(dim=1) + every.min(dim=1).values.mean(dim=1)) / 2
    (expected_gradient,) = torch.autograd.grad(expected.sum(), predicted)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_index_l1_compares_by_index_and_takes_the_first_true_points() -> None:
    predicted = torch.tensor([[[0.0, 0, 0], [1, 1, 1]]])
    truth = Cloud.of(torch.tensor([[3.0, 0, 0], [1, 1, 1], [9, 9, 9]]))
    assert index_l1(predicted, [truth]).item() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="2 true points"):
        index_l1(predicted, [Cloud.of(torch.zeros(1, 3))])


def test_loss_terms_weighs_what_counts_and_leaves_out_the_rest() -> None:
    predicted = torch.rand(2, 30, 3)
    truths = [Cloud.of(torch.rand(30, 3)) for _ in range(2)]
    both = loss_terms(predicted, truths, LossWeights(0, 0.25, 2.0))
    torch.testing.assert_close(both["loss"], 0.25 * chamfer(predicted, truths) + 2 * index_l1(predicted, truths))
    assert loss_terms(predicted, truths, LossWeights(0, 1.0, 0.0)).keys() == {"loss", "chamfer"}
    with pytest.raises(ValueError, match="weight"):
        loss_terms(predicted, truths, LossWeights(0, 0.0, 0.0))


def test_weights_hold_from_their_first_epoch() -> None:
    schedule = [LossWeights(0, 0.3, 0.7), LossWeights(10, 0.8, 0.2)]
    assert [weights_at(epoch, schedule).first_epoch for epoch in (0, 9, 10, 99)] == [0, 0, 10, 10]


@pytest.mark.parametrize("starts", [[], [1], [0, 5, 5], [0, 5, 3]])
def test_a_schedule_out_of_order_is_refused(starts: list[int]) -> None:
    with pytest.raises(ValueError, match="start at epoch 0"):
        weights_at(0, [LossWeights(start, 1.0, 0.0) for start in starts])
