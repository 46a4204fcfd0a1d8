"""A volume of learned features: what is so at a place in most jaws."""

import torch
from torch import nn
from torch.nn.functional import grid_sample

CELLS = (36, 48, 48)  # along z, y and x
EXTENT = (1.1, 1.1, 0.8)  # of the volume to either side along x, y and z, jaw radii
GAIN = 5.0  # by which the grid's numbers count more than others, and so learn faster


class FeatureVolume(nn.Module):
    """Points (B, Q, 3) → (B, Q, C): features on a grid, interpolated at the points and scaled by the fused vector.

    The network's memory of the training jaws: it holds their mean and the ways in which they differ, as a statistical
    shape model does, and the fused vector says how much of each (as FiLM, Perez et al. 2018). A grid learns this in a
    few hundred steps, where an MLP of coordinates takes thousands (Müller et al. 2022, whose grids are hashed).

    Args:
        channels: C.
        width: D of the fused vector.
    """

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(1, channels, *CELLS) * 0.01)
        self.scale = nn.Linear(width, channels)

    def forward(self, points: torch.Tensor, fused: torch.Tensor) -> torch.Tensor:
        """Look up.

        Args:
            points: (B, Q, 3), normalised frame; those outside the volume get what stands at its border.
            fused: (B, D).

        Returns:
            (B, Q, C)
        """
        places = (points / points.new_tensor(EXTENT))[:, :, None, None]  # (B, Q, 1, 1, 3)
        grid = self.grid.expand(points.shape[0], -1, -1, -1, -1)
        features = grid_sample(grid, places, padding_mode="border", align_corners=False)  # (B, C, Q, 1, 1)
        return GAIN * features[..., 0, 0].transpose(1, 2) * (1 + self.scale(fused))[:, None]
