"""The feature modulator (P1, P2: "fixed scale", "adds diversity", between the fused vector and the decoder)."""

import torch
from torch import nn


class FeatureModulator(nn.Module):
    """(B, D) → (B, D): each channel is scaled by 1 + s·tanh(W x + b).

    The papers say no more than the words above. Ours: a learned modulation of the channels by the vector itself, whose
    strength s is a fixed number, so that it can weight a channel but never replace it.

    Args:
        width: D.
        scale: s, fixed; 0 turns the modulator off.
    """

    def __init__(self, *, width: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.gate = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 + self.scale * torch.tanh(self.gate(x)))
