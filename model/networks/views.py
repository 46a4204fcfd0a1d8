"""What all networks share: checks of their views, views left out, seeded weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def check_views(views: torch.Tensor, view_mask: torch.Tensor) -> None:
    """Refuse what is no batch of views.

    Raises:
        ValueError: views are not (B, V, H, W) or (B, V, H, W, 3), present is not (B, V), or a case has no view.
    """
    if views.ndim not in (4, 5) or (views.ndim == 5 and views.shape[-1] != 3):
        raise ValueError(f"expected views of shape (B, V, H, W) or (B, V, H, W, 3), got {tuple(views.shape)}")
    if view_mask.shape != views.shape[:2] or not view_mask.any(dim=1).all():
        raise ValueError("present must be of shape (B, V) with at least one view in each case")


def scatter_views(values: torch.Tensor, view_mask: torch.Tensor) -> torch.Tensor:
    """Values (K, ...) of the K views that are there, in their places among all: (B, V, ...), 0 where absent."""
    placed = values.new_zeros(*view_mask.shape, *values.shape[1:])
    placed[view_mask] = values
    return placed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's chance comes from the seed meanwhile, and is then as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
