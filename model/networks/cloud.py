"""The network of P1 from top to bottom: views → vectors → one vector → modulated → a cloud."""

import torch
from torch import nn

from model.networks.decoder import CloudDecoder
from model.networks.encoder import ViewEncoder
from model.networks.fusion import ViewFusion
from model.networks.modulator import FeatureModulator
from model.networks.views import check_views, scatter_views, seeded


class CloudNetwork(nn.Module):
    """(B, V, H, W) or (B, V, H, W, 3) views → (B, N, 3) points in the normalised frame.

    P1 as published: mobilenetv2_100 at 224 px, 10 views, width 512, hidden 1024, 50,000 points; P2: 25,000 points.

    Args:
        encoder: the backbone, a name that timm knows.
        image_size: side of the pictures the backbone sees, pixels; others are resized.
        views: V.
        width: D of the fused vector.
        heads: attention heads.
        modulator_scale: the modulator's fixed scale.
        hidden: units in each hidden layer of the decoder.
        dropout: share dropped in the decoder.
        points: N.

    Raises:
        UserError: timm has no such backbone, or it takes no pictures of this size.
    """

    def __init__(
        self,
        *,
        encoder: str,
        image_size: int,
        views: int,
        width: int,
        heads: int,
        modulator_scale: float,
        hidden: int,
        dropout: float,
        points: int,
    ) -> None:
        super().__init__()
        self.kwargs = {
            "encoder": encoder,
            "image_size": image_size,
            "views": views,
            "width": width,
            "heads": heads,
            "modulator_scale": modulator_scale,
            "hidden": hidden,
            "dropout": dropout,
            "points": points,
        }
        self.encoder = ViewEncoder(backbone=encoder, image_size=image_size)
        self.fusion = ViewFusion(features=self.encoder.features, width=width, heads=heads)
        self.embedding = nn.Parameter(torch.randn(views, width) * 0.02)  # of each view by its number
        self.modulator = FeatureModulator(width=width, scale=modulator_scale)
        self.decoder = CloudDecoder(width=width, hidden=hidden, points=points, dropout=dropout)

    def forward(self, views: torch.Tensor, view_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Reconstruct.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            view_mask: (B, V) bool, which views are there; all of them if None. Absent ones are never looked at.

        Returns:
            (B, N, 3) float32.

        Raises:
            ValueError: views of another number or shape, or a case without any view.
        """
        if view_mask is None:
            view_mask = torch.ones(views.shape[:2], dtype=torch.bool, device=views.device)
        check_views(views, view_mask)
        if views.shape[1] != self.kwargs["views"]:
            raise ValueError(f"expected {self.kwargs['views']} views, got {views.shape[1]}")
        # Only the views that are there pass the encoder: the others must not touch batch norm's statistics either.
        features = scatter_views(self.encoder(views[view_mask]), view_mask)  # (B, V, F)
        fused = self.fusion(features, self.embedding, view_mask)  # (B, D)
        return self.decoder(self.modulator(fused))  # (B, N, 3)


def new_network(seed: int, **kwargs: object) -> CloudNetwork:
    """A network with random weights that the seed decides; PyTorch's own random state stays as it was."""
    with seeded(seed):
        return CloudNetwork(**kwargs)  # type: ignore[arg-type]
