"""Learned 3D feature grid (a shape prior), modulated by the global image feature."""

import torch
from torch import nn
from torch.nn.functional import grid_sample

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
        self.grid = nn.Parameter(torch.randn(1, channels, *CELLS) * 0.01)
        self.scale = nn.Linear(width, channels)

    def forward(self, points: torch.Tensor, fused: torch.Tensor) -> torch.Tensor:
        """Interpolate at points.

        Args:
            points: (B, Q, 3), normalised frame; outside the grid its border values are taken.
            fused: (B, D).

        Returns:
            (B, Q, C)
        """
        locations = (points / self.extent)[:, :, None, None]  # (B, Q, 1, 1, 3)
        grid = self.grid.expand(points.shape[0], -1, -1, -1, -1)
        features = grid_sample(grid, locations, padding_mode="border", align_corners=False)  # (B, C, Q, 1, 1)
        return GAIN * features[..., 0, 0].transpose(1, 2) * (1 + self.scale(fused))[:, None]
