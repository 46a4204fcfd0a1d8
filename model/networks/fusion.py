"""Fusion of the views' feature vectors into one (P1, P2: positional embeddings and multi-head attention)."""

import torch
from torch import nn


class ViewFusion(nn.Module):
    """(B, V, F) features → (B, D): self-attention over the views, then their mean.

    The papers name the parts, not their order. Ours: a projection to D, an embedding of each view added, one layer of
    multi-head self-attention with a residual and layer norm, the mean over the unmasked views.

    Args:
        features: F.
        width: D; P2 has 512.
        heads: attention heads, a divisor of D.
    """

    def __init__(self, *, features: int, width: int, heads: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.before = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.after = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, embedding: torch.Tensor, view_mask: torch.Tensor) -> torch.Tensor:
        """Fuse the unmasked views.

        Args:
            features: (B, V, F); entries where `view_mask` is False are ignored and may hold any value.
            embedding: (V, D) of the views by their number, or (B, V, D) by their cameras.
            view_mask: (B, V) bool, at least one true in each row.

        Returns:
            (B, D)
        """
        features = features.masked_fill(~view_mask[..., None], 0)
        x = self.project(features) + embedding  # (B, V, D)
        y = self.before(x)
        y, _ = self.attention(y, y, y, key_padding_mask=~view_mask, need_weights=False)
        weight = view_mask[..., None].to(x.dtype)
        return self.after(((x + y) * weight).sum(dim=1) / weight.sum(dim=1))  # (B, D)
