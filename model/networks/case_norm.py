"""Batch norm by the figures of a case's own pictures, the same in training and in prediction."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

_shares: ContextVar[torch.Tensor | None] = ContextVar("shares", default=None)


class CaseNorm(nn.Module):
    """(K, C, H, W) → (K, C, H, W), normalised per channel over all pictures of the same case, then scaled and shifted.

    A step holds a few cases, of which batch norm takes mean and variance. In prediction it takes running figures of
    many steps in their place, and what a network has learnt on the one doesn't hold on the other: a field's F at
    0.010 fell from 37 % to 29 % by it (Wu and Johnson 2021 describe the effect). The pictures of one jaw are enough to
    take the figures from. `of_cases` says which pictures belong together; without it, all of them do.

    Args:
        norm: whose place it takes, with its weight, bias, and the activation that timm has in the same module.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.act = getattr(norm, "act", nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shares = _shares.get()
        if shares is None:  # one case, and PyTorch's own is faster
            cudnn = torch.backends.cudnn.enabled
            normed = torch.batch_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, cudnn)
        else:
            wide = x.float()
            mean = shares @ wide.mean(dim=(2, 3))  # (K, C), of each picture's case
            variance = shares @ ((wide - mean[:, :, None, None]) ** 2).mean(dim=(2, 3))
            scale = self.weight * (variance + self.eps).rsqrt()
            normed = (wide * scale[:, :, None, None] + (self.bias - mean * scale)[:, :, None, None]).to(x.dtype)
        return self.act(normed)


@contextmanager
def of_cases(shares: torch.Tensor | None) -> Iterator[None]:
    """Which pictures `CaseNorm` takes together within the block.

    Args:
        shares: (K, K), what each picture adds to the figures of each, see `shares_of`; None where all are one case's.
    """
    token = _shares.set(shares)
    try:
        yield
    finally:
        _shares.reset(token)


def shares_of(view_mask: torch.Tensor) -> torch.Tensor:
    """(B·V, B·V): row k holds 1/n for the n pictures that are there of picture k's case, 0 elsewhere.

    Args:
        view_mask: (B, V) bool, at least one true in each row.
    """
    own = torch.eye(view_mask.shape[0], dtype=torch.bool, device=view_mask.device)[:, None, :, None]
    together = own & view_mask & torch.ones_like(view_mask)[:, :, None, None]  # (B, V, B, V)
    together = together.flatten(0, 1).flatten(1, 2)
    return together / together.sum(dim=1, keepdim=True)


def take_by_case(net: nn.Module) -> None:
    """Put a `CaseNorm` in the place of every 2D batch norm of a network."""
    for name, child in net.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(net, name, CaseNorm(child))
        else:
            take_by_case(child)
