import numpy as np
import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from model.networks.case_norm import CaseNorm
from model.networks.fused_norm import can_be_fused, fused_norm

EPS = 1e-5


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return x.to(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("activation", [nn.Identity(), nn.ReLU(), nn.ReLU6()])
@pytest.mark.parametrize("shape", [(10, 8, 6, 6), (3, 5, 7, 9), (2, 100, 4, 4), (1, 3, 1, 2), (4, 64, 1, 1)])
def test_values_and_gradients_are_those_of_pytorch(shape: tuple[int, ...], activation: nn.Module) -> None:
    x, channels = images(*shape), shape[1]
    weight, bias = (3 * images(channels, 1, 1, 1, seed=seed).detach().flatten() for seed in (1, 2))
    inputs = x, weight.requires_grad_(), bias.requires_grad_()
    exact = [each.detach().double().requires_grad_() for each in inputs]
    theirs = activation(nn.functional.batch_norm(exact[0], None, None, exact[1], exact[2], training=True, eps=EPS))
    assert not isinstance(activation, nn.ReLU6) or x.numel() < 500 or (theirs == 6).any(), "some are clipped above"
    ours = fused_norm(*inputs, EPS, activation)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)
    pull = images(*shape, seed=3).detach()
    mine = torch.autograd.grad((ours * pull).sum(), inputs)
    for slope, other in zip(mine, torch.autograd.grad((theirs * pull).sum(), exact), strict=True):
        torch.testing.assert_close(slope.double(), other, rtol=1e-3, atol=1e-3 * float(other.abs().max()) + 1e-6)


def test_a_gradient_in_another_memory_format_is_taken() -> None:
    x, weight = images(2, 4, 5, 5), torch.ones(4)
    pull = torch.randn(2, 4, 5, 5)
    assert not pull.is_contiguous(memory_format=torch.channels_last)
    ours = torch.autograd.grad(fused_norm(x, weight, weight, EPS, nn.ReLU()), x, pull)[0]
    other = pull.to(memory_format=torch.channels_last)
    assert torch.equal(ours, torch.autograd.grad(fused_norm(x, weight, weight, EPS, nn.ReLU()), x, other)[0])


def test_what_hardly_varies_far_from_zero_is_normalised_by_how_it_varies() -> None:
    rng = np.random.default_rng(0)
    wave = rng.choice([0.0, 0.1], (4, 8, 8, 2))
    x = torch.from_numpy((1000.3 + wave).astype(np.float32)).permute(0, 3, 1, 2).requires_grad_()
    normed = fused_norm(x, torch.ones(2), torch.zeros(2), EPS, nn.Identity())
    assert normed.std().item() == pytest.approx(1, abs=0.01)
    flat = torch.full((2, 3, 4, 4), 7.0).to(memory_format=torch.channels_last).requires_grad_()
    level = fused_norm(flat, torch.ones(3), torch.full((3,), 0.25), EPS, nn.Identity())
    torch.testing.assert_close(level, torch.full_like(level, 0.25), rtol=0, atol=1e-3)


def test_what_is_not_a_number_stays_so() -> None:
    x = images(2, 3, 4, 4).detach()
    x[0, 1, 2, 3] = torch.nan
    x.requires_grad_()
    normed = fused_norm(x, torch.ones(3), torch.zeros(3), EPS, nn.ReLU6())
    assert normed[:, 1].isnan().all()
    assert normed[:, [0, 2]].isfinite().all()
    (slope,) = torch.autograd.grad(normed.sum(), x)
    assert slope[:, 1].isnan().all()


def test_it_is_for_training_on_few_cores_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    x, relu = images(2, 3, 4, 4), nn.ReLU6()
    assert can_be_fused(x, relu)
    assert not can_be_fused(x, nn.SiLU())
    assert not can_be_fused(x.double(), relu)
    assert not can_be_fused(x.contiguous(), relu)
    with torch.no_grad():
        assert not can_be_fused(x, relu)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert not can_be_fused(x, relu)


@pytest.mark.parametrize("layer", [nn.ReLU6, nn.SiLU])
def test_the_norm_of_a_case_learns_the_same_with_it_and_without(
    layer: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    norm, x = CaseNorm(BatchNormAct2d(8, act_layer=layer)), images(3, 8, 6, 6)
    slopes = []
    for threads in (1, 9):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert can_be_fused(x, norm.act) == (threads == 1 and layer is nn.ReLU6)
        slopes.append(torch.autograd.grad((norm(x) ** 2).sum(), [x, norm.weight, norm.bias]))
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4)
