"""Learned 3D feature grid (a shape prior), modulated by the global image feature."""

import torch
from torch import nn

from model.networks.interpolation import trilinear

CELLS = (36, 48, 48)  # along z, y and x
EXTENT = (1.1, 1.1, 0.8)  # half extent along x, y and z, in jaw radii
GAIN = 5.0  # scales the grid's values, and by that their learning rate


class FeatureGrid(nn.Module):
    """Points (B, Q, 3) → (B, Q, C): a feature grid, trilinearly interpolated and modulated by the fused vector (FiLM).

    The grid learns the mean of the training jaws and how they vary, as a statistical shape model does; the fused vector
    scales its channels (FiLM, Perez et al. 2018). A grid learns this in a few hundred steps, an MLP of coordinates in
    thousands (Müller et al. 2022, whose grids are hashed).

    Args:
        channels: C.
        width: D of the fused vector.
    """

    extent: torch.Tensor

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("extent", torch.tensor(EXTENT), persistent=False)
        # Contiguous, and not only `channels_last_3d` in memory: AdamW takes four times as long for a tensor that is.
        self.grid = nn.Parameter(channels_last(torch.randn(1, channels, *CELLS) * 0.01))
        self.scale = nn.Linear(width, channels)

    def forward(self, points: torch.Tensor, fused: torch.Tensor) -> torch.Tensor:
        """Interpolate at points.

        Args:
            points: (B, Q, 3), normalised frame; outside the grid its border values are taken.
            fused: (B, D).

        Returns:
            (B, Q, C)
        """
        features = trilinear(self.grid, (points / self.extent).flatten(0, 1)).unflatten(0, points.shape[:2])
        return GAIN * features * (1 + self.scale(fused))[:, None]


def channels_last(grid: torch.Tensor) -> torch.Tensor:
    """(1, C, D, H, W) → (D, H, W, C), contiguous."""
    return grid[0].permute(1, 2, 3, 0).contiguous()
