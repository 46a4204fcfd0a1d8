"""What all networks share: checks of their views, views left out, seeded weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """PyTorch's chance comes from the seed meanwhile, and is then as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
