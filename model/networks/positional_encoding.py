"""Positional encoding (NeRF, Mildenhall et al. 2020, section 5.1)."""

import math

import torch


def positional_encoding(x: torch.Tensor, num_frequencies: int) -> torch.Tensor:
    """(..., D) → (..., D·(1 + 2·num_frequencies)): x, then its sines and cosines with periods of 2, 1, 1/2 ..."""
    waves = x[..., None] * (math.pi * 2.0 ** torch.arange(num_frequencies, device=x.device))  # (..., D, frequencies)
    return torch.cat([x, waves.sin().flatten(-2), waves.cos().flatten(-2)], dim=-1)
