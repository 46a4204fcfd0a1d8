"""Pixel-aligned features of query points, pooled over the views (PIFu, Saito et al. 2019)."""

import torch
from torch import nn
from torch.nn.functional import embedding_bag, grid_sample

from model.geometry.projection import camera_poses, project
from model.networks.positional_encoding import positional_encoding

POOLED = 3  # poolings over the views: attention, mean, standard deviation
ARROWS = 6  # features of a map that are 3D vectors in its camera's frame, such as the surface normal
DEPTH_FREQUENCIES = 6


class PixelAligned(nn.Module):
    """Query points (B, Q, 3) → (B, Q, 3·H): feature maps, sampled at the points' projections and pooled over the views.

    A view's features of a point are the sampled map, the viewing direction, the depth, and whether the point lies
    within the image. Some channels of the map are 3D vectors in the camera's frame, which are rotated into the points'
    frame. A shared MLP makes a vector of H of all these. The vectors are pooled by learned attention weights, which can
    leave out views in which the point is hidden; by their mean; and by their standard deviation, for views agree about
    points on the surface.

    The MLP's first layer is linear in the map, as sampling is, so that part may as well be computed once per pixel
    (`prepare`) as per point; whichever are fewer.

    Args:
        channels: C of the maps.
        hidden: H.
        heads: attention heads, a divisor of H.
    """

    def __init__(self, *, channels: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.arrows = nn.Linear(channels, 3 * ARROWS, bias=False)
        self.first = nn.Linear(channels + 3 * ARROWS, hidden, bias=False)
        self.viewing = nn.Linear(3 + 1 + 2 * DEPTH_FREQUENCIES + 1, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.weigh = nn.Linear(hidden, heads)

    def prepare(self, maps: torch.Tensor, cameras: torch.Tensor) -> torch.Tensor:
        """The part of `forward` that does not depend on the query points, which pays for more points than pixels.

        Args:
            maps: (B, V, h, w, C). cameras: (B, V, 23).

        Returns:
            (B, V, h, w, H)
        """
        return (maps.flatten(2, 3) @ self._first(cameras)).unflatten(2, maps.shape[2:4])

    def _first(self, cameras: torch.Tensor) -> torch.Tensor:
        """(B, V, C, H), the first layer's weights for the map, other ones for each camera."""
        rotation, _ = camera_poses(cameras)
        channels = self.arrows.in_features
        plain, turned = self.first.weight.split([channels, 3 * ARROWS], dim=1)
        arrows = rotation[:, :, None] @ self.arrows.weight.view(ARROWS, 3, channels)  # (B, V, ARROWS, 3, C)
        return (plain + turned @ arrows.flatten(2, 3)).transpose(2, 3)

    def forward(
        self,
        maps: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor,
        points: torch.Tensor,
        *,
        prepared: bool,
    ) -> torch.Tensor:
        """Sample and pool.

        Args:
            maps: (B, V, h, w, H) from `prepare`, or (B, V, h, w, C); finite, and ignored where `view_mask` is False.
                Channels are last, so that a sample is contiguous in memory.
            view_mask: (B, V) bool.
            cameras: (B, V, 23), valid also where a view is masked.
            points: (B, Q, 3), normalised frame.
            prepared: whether `prepare` made the maps.

        Returns:
            (B, Q, 3·H)
        """
        projection = project(points, cameras)
        _, position = camera_poses(cameras)
        depth = projection.depth - position.norm(dim=-1)[..., None]  # about 0 in the middle of the jaw
        inside = (projection.uv.abs().amax(dim=-1) < 1).to(points.dtype)
        viewing = torch.cat(
            [projection.direction, positional_encoding(depth[..., None], DEPTH_FREQUENCIES), inside[..., None]], dim=-1
        )
        sampled = bilinear(maps, projection.uv)
        x = ((sampled if prepared else sampled @ self._first(cameras)) + self.viewing(viewing)).relu_()
        x = self.second(x).relu_()  # (B, V, Q, H)

        weights = self.weigh(x)  # (B, V, Q, heads)
        weights = weights.masked_fill(~view_mask[:, :, None, None], float("-inf")).softmax(dim=1)
        attended = (weights[..., None] * x.unflatten(3, (self.heads, -1))).sum(dim=1).flatten(2)  # (B, Q, H)
        fraction = (view_mask / view_mask.sum(dim=1, keepdim=True)).to(x.dtype)[:, None]  # (B, 1, V)
        mean = (fraction @ x.flatten(2)).view_as(attended)
        spread = fraction @ ((x - mean[:, None]) ** 2).flatten(2)
        # The root of a variance of 0, as of a single view, has no finite gradient.
        return torch.cat([attended, mean, (spread.view_as(attended) + 1e-6).sqrt()], dim=2)


def bilinear(maps: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Bilinear samples (B, V, Q, H) of maps (B, V, h, w, H) at (B, V, Q, 2) coordinates in -1..1, border padded.

    As `grid_sample`, with which a step took a third longer on a CPU.
    """
    if maps.is_cuda or torch.compiler.is_exporting():  # ONNX knows grid_sample and no weighted bags
        flat = maps.flatten(0, 1).permute(0, 3, 1, 2)
        sampled = grid_sample(flat, uv.flatten(0, 1)[:, :, None], padding_mode="border", align_corners=False)
        return sampled[..., 0].transpose(1, 2).unflatten(0, uv.shape[:2])
    height, width, channels = maps.shape[2:]
    # NaN must not become an index; the viewing features carry it on.
    column, row = uv.nan_to_num().flatten(0, 1).unbind(-1)  # (B·V, Q) each
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
    weights = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=-1)
    # In float32 also where autocast is on, as grid_sample would.
    table, weights = maps.reshape(-1, channels).float(), weights.float()
    sampled = embedding_bag(corners.view(-1, 4), table, per_sample_weights=weights.view(-1, 4), mode="sum")
    return sampled.view(*uv.shape[:3], channels)
