import pytest
import torch
from torch import nn

from model.networks.encoder import ViewEncoder
from model.networks.pointwise import PointwiseConv, replace_pointwise_convs


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("size", [(1, 3, 5), (10, 8, 4), (20, 4, 6)])
def test_the_same_as_a_convolution_with_its_gradients(size: tuple[int, int, int], memory: torch.memory_format) -> None:
    torch.manual_seed(0)
    images, height, width = size
    ours, theirs = PointwiseConv(8, 12, 1), nn.Conv2d(8, 12, 1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(images, 8, height, width).contiguous(memory_format=memory)
    found = []
    for conv in (ours, theirs):
        own = x.clone().requires_grad_()
        made = conv(own)
        (made**2).sum().backward()
        found.append((made, own.grad, conv.weight.grad, conv.bias.grad))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    assert found[0][0].is_contiguous(memory_format=memory)


def test_only_plain_convolutions_of_few_channels_are_replaced() -> None:
    kinds = {
        "few": nn.Conv2d(8, 48, 1),
        "many": nn.Conv2d(48, 8, 1),
        "wide": nn.Conv2d(8, 8, 3, padding=1),
        "strided": nn.Conv2d(8, 8, 1, stride=2),
        "grouped": nn.Conv2d(8, 8, 1, groups=8),
    }
    replace_pointwise_convs(nn.ModuleDict(kinds))
    assert [name for name, module in kinds.items() if isinstance(module, PointwiseConv)] == ["few"]


def test_an_encoder_has_some() -> None:
    encoder = ViewEncoder(backbone="mobilenetv2_035", image_size=32)
    assert sum(isinstance(module, PointwiseConv) for module in encoder.modules()) > 5
