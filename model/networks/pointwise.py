"""Pointwise (1 × 1) convolutions of few channels at oneDNN's speed, however few the images."""

import torch
from torch import nn

FEW = 16  # input channels up to which oneDNN is the faster one


class PointwiseConv(nn.Conv2d):
    """A 1 × 1 convolution (K, C, H, W) → (K, D, H, W) that on a CPU takes each row of an image for an image.

    PyTorch with one thread leaves a 1 × 1 convolution of fewer than 16 images to a matrix product, which for the 8
    input channels of a MobileNetV2's first blocks takes three times as long as oneDNN's. In memory of channels last
    the rows of all images lie one after the other, so they can be taken for images without a copy.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images, channels, height, width = x.shape
        rows_lie_in_turn = x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
        if not rows_lie_in_turn or torch.compiler.is_exporting():
            return super().forward(x)
        rows = x.permute(0, 2, 3, 1).reshape(images * height, 1, width, channels).permute(0, 3, 1, 2)
        made = super().forward(rows).permute(0, 2, 3, 1).reshape(images, height, width, self.out_channels)
        return made.permute(0, 3, 1, 2)


def replace_pointwise_convs(net: nn.Module) -> None:
    """Make each plain 1 × 1 convolution of FEW input channels a `PointwiseConv`; weights and their names stay."""
    for module in net.modules():
        if type(module) is not nn.Conv2d or module.in_channels > FEW:
            continue
        if (module.kernel_size, module.stride, module.padding, module.groups) == ((1, 1), (1, 1), (0, 0), 1):
            module.__class__ = PointwiseConv
