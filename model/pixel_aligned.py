"""Pixel-aligned features: what all views show at the places where points project to (PIFu, Saito et al. 2019)."""

import torch
from torch import nn
from torch.nn.functional import gelu, grid_sample

from model.projection import camera_poses, project
from model.sines import sines

POOLED = 3  # vectors that describe the views together: chosen, mean, spread
ARROWS = 6  # directions that a map holds in its camera's frame, such as the surface's normal
DEPTH_OCTAVES = 6


class PixelAligned(nn.Module):
    """Points (B, Q, 3) → (B, Q, 3·H): the maps are sampled at each point's projection and pooled over the views.

    A view says of a point what its map holds there, along which direction and at which depth the point lies, and
    whether it lies in the picture. Some of what the map holds are directions, which a picture shows in its camera's
    frame: they are turned into the points'. A shared MLP makes a vector of H of all this. The vectors are pooled in
    three ways: by learned weights, which leave out views in which something hides the point; by their mean; and by
    their standard deviation, for views agree about points on the surface.

    Args:
        channels: C of the maps.
        hidden: H.
        heads: of the learned weights, a divisor of H.
    """

    def __init__(self, *, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.arrows = nn.Linear(channels, 3 * ARROWS)
        self.first = nn.Linear(channels + 3 * ARROWS + 3 + 1 + 2 * DEPTH_OCTAVES + 1, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.weigh = nn.Linear(hidden, heads)

    def forward(
        self, maps: torch.Tensor, present: torch.Tensor, cameras: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        """Sample and pool.

        Args:
            maps: (B, V, C, h, w), 0 where a view is absent.
            present: (B, V) bool.
            cameras: (B, V, 23), also where a view is absent.
            points: (B, Q, 3), normalised frame.

        Returns:
            (B, Q, 3·H)
        """
        seen = project(points, cameras)
        sampled = grid_sample(
            maps.flatten(0, 1), seen.place.flatten(0, 1)[:, :, None], padding_mode="border", align_corners=False
        )  # (B·V, C, Q, 1)
        sampled = sampled[..., 0].unflatten(0, present.shape).transpose(2, 3)  # (B, V, Q, C)
        rotation, position = camera_poses(cameras)
        arrows = self.arrows(sampled).unflatten(-1, (ARROWS, 3)) @ rotation.transpose(-1, -2)[:, :, None]
        depth = seen.depth - position.norm(dim=-1)[..., None]  # about 0 in the middle of the jaw
        inside = (seen.place.abs().amax(dim=-1) < 1).to(sampled.dtype)
        x = torch.cat(
            [sampled, arrows.flatten(-2), seen.direction, sines(depth[..., None], DEPTH_OCTAVES), inside[..., None]], -1
        )
        x = gelu(self.second(gelu(self.first(x))))  # (B, V, Q, H)

        there = present[:, :, None, None]
        weights = self.weigh(x).masked_fill(~there, float("-inf")).softmax(dim=1)  # (B, V, Q, heads)
        chosen = (weights[..., None] * x.unflatten(-1, (self.heads, -1))).sum(dim=1).flatten(-2)  # (B, Q, H)
        share = there / there.sum(dim=1, keepdim=True)
        mean = (share * x).sum(dim=1)
        # A variance of 0, as of a single view, has no finite slope under the root.
        spread = ((share * (x - mean[:, None]) ** 2).sum(dim=1) + 1e-6).sqrt()
        return torch.cat([chosen, mean, spread], dim=-1)
