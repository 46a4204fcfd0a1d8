"""Helpers of all networks: input checks, masked views, seeded weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def check_views(views: torch.Tensor, view_mask: torch.Tensor) -> None:
    """Check the shapes of a batch of views.

    Raises:
        ValueError: views are not (B, V, H, W) or (B, V, H, W, 3), view_mask is not (B, V), or a case has no view.
    """
    if views.ndim not in (4, 5) or (views.ndim == 5 and views.shape[-1] != 3):
        raise ValueError(f"expected views of shape (B, V, H, W) or (B, V, H, W, 3), got {tuple(views.shape)}")
    if view_mask.shape != views.shape[:2] or not view_mask.any(dim=1).all():
        raise ValueError("view_mask must be of shape (B, V) with at least one view in each case")


def scatter_views(values: torch.Tensor, view_mask: torch.Tensor, *, dense: bool = False) -> torch.Tensor:
    """(K, ...) values of the K views where `view_mask` is True → (B, V, ...), 0 elsewhere.

    With `dense`, K is B·V, and which views are masked makes no difference.
    """
    if dense:
        return values.unflatten(0, view_mask.shape)
    if view_mask.all():  # as in most steps; it costs no copy
        return values.unflatten(0, view_mask.shape)
    scattered = values.new_zeros(*view_mask.shape, *values.shape[1:])
    scattered[view_mask] = values
    return scattered


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's random numbers within the block, and restore their state after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
