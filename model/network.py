"""The network of P1 from top to bottom: views → vectors → one vector → modulated → a cloud."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from model.decoder import CloudDecoder
from model.encoder import ViewEncoder
from model.fusion import ViewFusion
from model.modulator import FeatureModulator


class Network(nn.Module):
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

    def forward(self, views: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """Reconstruct.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            present: (B, V) bool, which views are there; all of them if None. Absent ones are never looked at.

        Returns:
            (B, N, 3) float32.

        Raises:
            ValueError: views of another number or shape, or a case without any view.
        """
        if present is None:
            present = torch.ones(views.shape[:2], dtype=torch.bool, device=views.device)
        check_views(views, present)
        if views.shape[1] != self.kwargs["views"]:
            raise ValueError(f"expected {self.kwargs['views']} views, got {views.shape[1]}")
        # Only the views that are there pass the encoder: the others must not touch batch norm's statistics either.
        features = in_places(self.encoder(views[present]), present)  # (B, V, F)
        fused = self.fusion(features, self.embedding, present)  # (B, D)
        return self.decoder(self.modulator(fused))  # (B, N, 3)


def check_views(views: torch.Tensor, present: torch.Tensor) -> None:
    """Refuse what is no batch of views.

    Raises:
        ValueError: views are not (B, V, H, W) or (B, V, H, W, 3), present is not (B, V), or a case has no view.
    """
    if views.ndim not in (4, 5) or (views.ndim == 5 and views.shape[-1] != 3):
        raise ValueError(f"expected views of shape (B, V, H, W) or (B, V, H, W, 3), got {tuple(views.shape)}")
    if present.shape != views.shape[:2] or not present.any(dim=1).all():
        raise ValueError("present must be of shape (B, V) with at least one view in each case")


def in_places(values: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Values (K, ...) of the K views that are there, in their places among all: (B, V, ...), 0 where absent."""
    placed = values.new_zeros(*present.shape, *values.shape[1:])
    placed[present] = values
    return placed


def new_network(seed: int, **kwargs: object) -> Network:
    """A network with random weights that the seed decides; PyTorch's own random state stays as it was."""
    with seeded(seed):
        return Network(**kwargs)  # type: ignore[arg-type]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's chance comes from the seed meanwhile, and is then as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
