"""Pixel-aligned features of query points, pooled over the views (PIFu, Saito et al. 2019)."""

import torch
from torch import nn

from model.geometry.projection import camera_poses
from model.networks.interpolation import bilinear
from model.networks.view_pooling import pool_views
from model.networks.viewing import VIEWING_FEATURES, viewing_of

POOLED = 3  # poolings over the views: attention, mean, standard deviation
ARROWS = 6  # features of a map that are 3D vectors in its camera's frame, such as the surface normal


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
        self.arrows = nn.Linear(channels, 3 * ARROWS, bias=False)
        self.first = nn.Linear(channels + 3 * ARROWS, hidden, bias=False)
        self.viewing = nn.Linear(VIEWING_FEATURES, hidden)
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
        viewing = viewing_of(points, cameras)
        # One product with the bias in it, laid out as the samples are: a Linear would copy the features and the bias.
        weight = torch.cat([self.viewing.weight, self.viewing.bias[:, None]], dim=1).T
        features = viewing.features.flatten(0, 1).transpose(1, 2)
        seen = torch.bmm(features, weight.expand(features.shape[0], -1, -1)).unflatten(0, view_mask.shape)
        if prepared:
            x = bilinear(maps, viewing.uv, base=seen)
        else:
            x = seen + bilinear(maps, viewing.uv) @ self._first(cameras)
        x = self.second(x.relu_())
        return pool_views(x, view_mask, self.weigh.weight, self.weigh.bias)
