"""Batch norm by the statistics of each case's own images, the same in training and in prediction."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn

from model.networks.fused_norm import can_be_fused, fused_norm

# timm's backbones call `norm(x)`, so the grouping can't be an argument.
_averaging: ContextVar[torch.Tensor | None] = ContextVar("averaging", default=None)


class CaseNorm(nn.Module):
    """(K, C, H, W) → (K, C, H, W), normalised per channel over all images of the same case, then scaled and shifted.

    Batch norm normalises by the statistics of a few cases in training, and by running ones of many steps in prediction;
    what a network has learnt on the one does not hold on the other: a field's F-score at 0.010 fell from 37 % to 29 %
    (Wu and Johnson 2021 describe the effect). The images of one jaw are enough for statistics of its own.

    Args:
        norm: the layer that is replaced; its weight, bias, and the activation that timm has in it are taken over.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.act = getattr(norm, "act", nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrix = _averaging.get()
        if matrix is None:  # one case, for which these are faster
            if can_be_fused(x, self.act):
                return fused_norm(x, self.weight, self.bias, self.eps, self.act)
            cudnn = torch.backends.cudnn.enabled
            normed = torch.batch_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, cudnn)
        else:
            norm = normed_by_case if torch.compiler.is_exporting() else _normed
            normed = norm(x, matrix, self.weight, self.bias, self.eps)
        return self.act(normed)


def _normed(
    x: torch.Tensor, matrix: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float
) -> torch.Tensor:
    wide = x.float()
    own_variance, own_mean = torch.var_mean(wide, dim=(2, 3), correction=0)  # (K, C), of each image
    mean = matrix @ own_mean  # of each image's case
    # A case's variance is the mean of its images' and of the squares of their distances from the case's mean.
    variance = matrix @ (own_variance + (own_mean - mean) ** 2)
    scale = weight * (variance + eps).rsqrt()
    shift = bias - mean * scale
    return torch.addcmul(shift[:, :, None, None], wide, scale[:, :, None, None]).to(x.dtype)


# As an operator of its own, of which `model.export` tells what it is in ONNX: traced into its dozen parts, with sizes
# that are products of symbols, the norms of one backbone took most of an export's time.
normed_by_case = torch.library.custom_op("tenview::normed_by_case", _normed, mutates_args=())
normed_by_case.register_fake(lambda x, matrix, weight, bias, eps: torch.empty_like(x))  # noqa: ARG005


@contextmanager
def grouped_by_case(matrix: torch.Tensor | None) -> Iterator[None]:
    """Set how `CaseNorm` groups the images within the block.

    Args:
        matrix: (K, K) row-stochastic; entry (i, j) is 1/n if images i and j belong to the same case of n images.
            None: all images belong to one case.
    """
    token = _averaging.set(matrix)
    try:
        yield
    finally:
        _averaging.reset(token)


def averaging_matrix(view_mask: torch.Tensor) -> torch.Tensor:
    """(B·V, B·V): entry (i, j) is 1/n if view j is one of the n unmasked views of view i's case, 0 elsewhere.

    Args:
        view_mask: (B, V) bool, at least one true in each row.
    """
    own = torch.eye(view_mask.shape[0], dtype=torch.bool, device=view_mask.device)[:, None, :, None]
    together = own & view_mask & torch.ones_like(view_mask)[:, :, None, None]  # (B, V, B, V)
    together = together.flatten(0, 1).flatten(1, 2)
    return together / together.sum(dim=1, keepdim=True)


def replace_batch_norms(net: nn.Module) -> None:
    """Replace every 2D batch norm of a network by a `CaseNorm`."""
    for name, child in net.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(net, name, CaseNorm(child))
        else:
            replace_batch_norms(child)
