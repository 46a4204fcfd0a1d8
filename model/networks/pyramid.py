"""Feature pyramid: fuses the encoder's maps of several scales into one fine map (Lin et al. 2017)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import gelu, interpolate

from model.networks.pointwise import replace_pointwise_convs


class FeaturePyramid(nn.Module):
    """Maps (K, C_i, H_i, W_i), fine to coarse → (K, C, H_0, W_0): each scale is added to the upsampled coarser ones.

    Args:
        channels: C_i of each map.
        width: C.
    """

    def __init__(self, *, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        replace_pointwise_convs(self.lateral)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        x: torch.Tensor | None = None
        for level in reversed(range(len(maps))):
            y = self.lateral[level](maps[level])
            if x is not None:
                y = y + interpolate(x, size=y.shape[-2:], mode="bilinear", align_corners=False)
            x = gelu(self.smooth[level](y))  # (K, C, H_level, W_level)
        assert x is not None
        return x
