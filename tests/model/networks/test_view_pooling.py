import math

import pytest
import torch

from model.networks import view_pooling
from model.networks.view_pooling import pool_views


def both(monkeypatch: pytest.MonkeyPatch, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of as few threads as the fused one is for, and of more."""
    results = []
    for threads, other in ((2, "_in_pytorch"), (3, "_FusedPooling")):
        with monkeypatch.context() as patch:
            patch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
            patch.setattr(view_pooling, other, None)
            results.append(pool_views(*inputs))
    return results[0], results[1]


def test_two_views_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[3.0, -1.0], [1.0, 2.0]]).view(1, 2, 1, 2)  # after the activation (3, 0) and (1, 2)
    weight, bias = torch.tensor([[1.0, 0.0], [0.0, 0.5]]), torch.tensor([0.0, 7.0])
    a, b = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))  # softmax of the logits 3 and 1, and of 7 and 8
    expected = torch.tensor([3 * a + (1 - a), 2 * (1 - b), 2.0, 1.0, 1.0, 1.0])
    for pooled in both(monkeypatch, x, torch.ones(1, 2, dtype=torch.bool), weight, bias):
        torch.testing.assert_close(pooled[0, 0], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 10, 40, 64), (3, 4, 7, 8), (1, 1, 5, 8)])
def test_values_and_gradients_are_those_of_pytorch(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    chance = torch.Generator().manual_seed(0)
    view_mask = torch.rand(shape[:2], generator=chance) < 0.6
    view_mask[:, -1] = True
    inputs = [torch.randn(size, generator=chance) for size in (shape, (4, shape[3]), (4,))]
    pull = torch.randn(shape[0], shape[2], 3 * shape[3], generator=chance)
    results = []
    for threads, dtype in ((1, torch.float32), (3, torch.float64)):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        x, weight, bias = (each.to(dtype).requires_grad_() for each in inputs)
        pooled = pool_views(x, view_mask, weight, bias)
        results.append([pooled, *torch.autograd.grad(pooled, [x, weight, bias], pull.to(dtype))])
        assert (results[-1][1][~view_mask] == 0).all(), "absent views get no gradient"
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)


def test_absent_views_may_hold_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    x, view_mask = torch.randn(1, 3, 5, 8), torch.tensor([[True, False, True]])
    weight, bias = torch.randn(2, 8), torch.randn(2)
    other = x.clone()
    other[:, 1] = 9.0
    pairs = (both(monkeypatch, each, view_mask, weight, bias) for each in (x, other))
    for one, same in zip(*pairs, strict=True):
        assert torch.equal(one, same)


def test_a_mask_of_other_views_or_heads_that_leave_a_rest_are_refused() -> None:
    x = torch.zeros(1, 3, 5, 8)
    for views, heads in ((2, 2), (3, 3)):
        with pytest.raises(ValueError, match="with a mask of"):
            pool_views(x, torch.ones(1, views, dtype=torch.bool), torch.zeros(heads, 8), torch.zeros(heads))


def test_what_is_not_a_number_stays_so_at_its_point(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 3, 5, 8)
    x[0, 1, 2, 3] = torch.nan
    for pooled in both(monkeypatch, x, torch.ones(1, 3, dtype=torch.bool), torch.randn(2, 8), torch.randn(2)):
        assert pooled[0, 2, [3, 11, 19]].isnan().all()
        assert pooled[0, [0, 1, 3, 4]].isfinite().all()
