import torch

from model.networks.modulator import FeatureModulator


def test_scale_zero_changes_nothing() -> None:
    x = torch.randn(5, 8)
    assert torch.equal(FeatureModulator(width=8, scale=0.0)(x), x)


def test_channels_change_by_the_scale_at_most_and_by_the_vector() -> None:
    torch.manual_seed(0)
    net, x = FeatureModulator(width=8, scale=0.25), torch.randn(5, 8)
    with torch.no_grad():
        net.gate.weight.mul_(100)
    ratio = net(x) / x
    assert (ratio - 1).abs().max() <= 0.25 + 1e-6
    assert (ratio[0] - ratio[1]).abs().max() > 0.1
