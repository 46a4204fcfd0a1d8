"""Coordinates as sines of many periods, which a network tells apart more finely than numbers (NeRF, section 5.1)."""

import math

import torch


def positional_encoding(x: torch.Tensor, octaves: int) -> torch.Tensor:
    """(..., D) → (..., D·(1 + 2·octaves)): x itself, then sines and cosines with periods of 2, 1, 1/2 ..."""
    waves = x[..., None] * (math.pi * 2.0 ** torch.arange(octaves, device=x.device))  # (..., D, octaves)
    return torch.cat([x, waves.sin().flatten(-2), waves.cos().flatten(-2)], dim=-1)
