"""Pixel-aligned features: what all views show at the places where points project to (PIFu, Saito et al. 2019)."""

import torch
from torch import nn
from torch.nn.functional import embedding_bag, grid_sample, relu

from model.geometry.projection import camera_poses, project
from model.networks.positional_encoding import positional_encoding

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

    The MLP's first layer is linear in what the map holds, so that part of it is done once for each pixel (`prepare`)
    and not for each point.

    Args:
        channels: C of the maps.
        hidden: H.
        heads: of the learned weights, a divisor of H.
    """

    def __init__(self, *, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.arrows = nn.Linear(channels, 3 * ARROWS, bias=False)
        self.first = nn.Linear(channels + 3 * ARROWS, hidden, bias=False)
        self.sight = nn.Linear(3 + 1 + 2 * DEPTH_OCTAVES + 1, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.weigh = nn.Linear(hidden, heads)

    def prepare(self, maps: torch.Tensor, cameras: torch.Tensor) -> torch.Tensor:
        """What the views say in the points' frame, whichever point is asked about.

        Args:
            maps: (B, V, C, h, w). cameras: (B, V, 23).

        Returns:
            (B, V, h, w, H): what a point takes lies together in memory.
        """
        rotation, _ = camera_poses(cameras)
        channels = maps.shape[2]
        plain, turned = self.first.weight.split([channels, 3 * ARROWS], dim=1)
        arrows = rotation[:, :, None] @ self.arrows.weight.view(ARROWS, 3, channels)  # (B, V, ARROWS, 3, C)
        weights = plain + turned @ arrows.flatten(2, 3)  # (B, V, H, C), another one for each camera
        return (maps.flatten(3).transpose(2, 3) @ weights.transpose(2, 3)).unflatten(2, maps.shape[3:])

    def forward(
        self, prepared: torch.Tensor, view_mask: torch.Tensor, cameras: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        """Sample and pool.

        Args:
            prepared: (B, V, h, w, H), from `prepare`; what stands in absent places is finite and counts for nothing.
            view_mask: (B, V) bool.
            cameras: (B, V, 23), also where a view is absent.
            points: (B, Q, 3), normalised frame.

        Returns:
            (B, Q, 3·H)
        """
        seen = project(points, cameras)
        _, position = camera_poses(cameras)
        depth = seen.depth - position.norm(dim=-1)[..., None]  # about 0 in the middle of the jaw
        inside = (seen.place.abs().amax(dim=-1) < 1).to(points.dtype)
        sight = torch.cat(
            [seen.direction, positional_encoding(depth[..., None], DEPTH_OCTAVES), inside[..., None]], dim=-1
        )
        x = relu(bilinear(prepared, seen.place) + self.sight(sight))
        x = relu(self.second(x))  # (B, V, Q, H)

        weights = self.weigh(x)  # (B, V, Q, heads)
        weights = weights.masked_fill(~view_mask[:, :, None, None], float("-inf")).softmax(dim=1)
        chosen = (weights[..., None] * x.unflatten(3, (self.heads, -1))).sum(dim=1).flatten(2)  # (B, Q, H)
        share = (view_mask / view_mask.sum(dim=1, keepdim=True)).to(x.dtype)[:, None]  # (B, 1, V)
        mean = (share @ x.flatten(2)).view_as(chosen)
        spread = share @ ((x - mean[:, None]) ** 2).flatten(2)
        # A variance of 0, as of a single view, has no finite slope under the root.
        return torch.cat([chosen, mean, (spread.view_as(chosen) + 1e-6).sqrt()], dim=2)


def bilinear(maps: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Bilinear samples (B, V, Q, H) of maps (B, V, h, w, H) at places (B, V, Q, 2) from -1 to 1; the border goes on.

    As `grid_sample`, with which a step took a third longer on a CPU.
    """
    if torch.compiler.is_exporting():  # ONNX knows grid_sample and no weighted bags
        flat = maps.flatten(0, 1).permute(0, 3, 1, 2)
        sampled = grid_sample(flat, place.flatten(0, 1)[:, :, None], padding_mode="border", align_corners=False)
        return sampled[..., 0].transpose(1, 2).unflatten(0, place.shape[:2])
    height, width, channels = maps.shape[2:]
    # What is not a number must not become an index; the line of sight tells the network of it.
    column, row = place.nan_to_num().flatten(0, 1).unbind(-1)  # (B·V, Q) each
    column = ((column + 1) * (width / 2) - 0.5).clamp(0, width - 1)
    row = ((row + 1) * (height / 2) - 0.5).clamp(0, height - 1)
    left, upper = column.floor(), row.floor()
    right, lower = (left + 1).clamp_max(width - 1), (upper + 1).clamp_max(height - 1)
    x, y = column - left, row - upper
    corners = torch.stack(
        [upper * width + left, upper * width + right, lower * width + left, lower * width + right], dim=-1
    )  # (B·V, Q, 4)
    view = torch.arange(len(column), device=maps.device)[:, None, None] * (height * width)
    corners = view + corners.long()
    shares = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=-1)
    # In float32 also where autocast is on, as grid_sample would.
    table, shares = maps.reshape(-1, channels).float(), shares.float()
    sampled = embedding_bag(corners.view(-1, 4), table, per_sample_weights=shares.view(-1, 4), mode="sum")
    return sampled.view(*place.shape[:3], channels)
