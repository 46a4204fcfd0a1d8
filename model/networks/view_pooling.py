"""Pooling of a point's features over the views; on few cores of a CPU fused with the activation before it.

PyTorch's operations and their gradients go through (V, Q, H) values some forty times; the fused one does so four times.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from model.networks import fused_norm

VARIANCE_FLOOR = 1e-6  # the root of a variance of 0, as of a single view, has no finite gradient


def pool_views(x: torch.Tensor, view_mask: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """(B, V, Q, H) → (B, Q, 3·H): ReLU; then the views' sum by attention weights, mean and standard deviation.

    Args:
        x: before the activation; finite, and ignored where `view_mask` is False.
        view_mask: (B, V) bool, with a view in each case.
        weight: (heads, H), bias: (heads,), of the linear layer that makes the logits of the attention weights; heads
            divide H.

    Raises:
        ValueError: the mask is of other cases or views, or the heads don't divide H.
    """
    on_cpu = not torch.compiler.is_exporting() and x.device.type == "cpu" and x.dtype == torch.float32
    if not on_cpu or torch.get_num_threads() > fused_norm.MOST_THREADS:
        return _in_pytorch(x, view_mask, weight, bias)
    if view_mask.shape != x.shape[:2] or x.shape[3] % len(bias):
        raise ValueError(f"{tuple(x.shape)} with a mask of {tuple(view_mask.shape)} and {len(bias)} heads")
    return _FusedPooling.apply(x, view_mask, weight, bias)


def _in_pytorch(x: torch.Tensor, view_mask: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    x = x.relu()
    weights = linear(x, weight, bias)  # (B, V, Q, heads)
    weights = weights.masked_fill(~view_mask[:, :, None, None], float("-inf")).softmax(dim=1)
    attended = (weights[..., None] * x.unflatten(3, (len(bias), -1))).sum(dim=1).flatten(2)  # (B, Q, H)
    fraction = (view_mask / view_mask.sum(dim=1, keepdim=True)).to(x.dtype)[:, None]  # (B, 1, V)
    mean = (fraction @ x.flatten(2)).view_as(attended)
    spread = fraction @ ((x - mean[:, None]) ** 2).flatten(2)
    return torch.cat([attended, mean, (spread.view_as(attended) + VARIANCE_FLOOR).sqrt()], dim=2)


class _FusedPooling(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, view_mask: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        x, view_mask, weight = x.contiguous(), view_mask.contiguous(), weight.contiguous()
        cases, views, queries, width = x.shape
        pooled = x.new_empty(cases, queries, 3 * width)
        attention = x.new_empty(cases, queries, views, len(bias))
        _forward(*_arrays(x, view_mask, weight, bias, pooled, attention))
        ctx.save_for_backward(x, view_mask, weight, pooled, attention)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, view_mask, weight, pooled, attention = ctx.saved_tensors
        of_x, of_weight, of_bias = torch.empty_like(x), torch.zeros_like(weight), weight.new_zeros(len(weight))
        _backward(*_arrays(x, view_mask, weight, pooled, attention, gradient.contiguous(), of_x, of_weight, of_bias))
        return of_x, None, of_weight, of_bias


def _arrays(*tensors: torch.Tensor) -> list[np.ndarray]:
    return [each.detach().numpy() for each in tensors]


# Each of the innermost loops writes one array: LLVM would not vectorise it with several that may overlap.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _forward(x, view_mask, weight, bias, pooled, attention):
    """Fill `pooled` (B, Q, 3·H) and, of views that are shown, `attention` (B, Q, V, heads)."""
    heads, width = weight.shape
    part = width // heads
    attended, mean, square = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    shares = np.empty(width, np.float32)
    for b in range(len(x)):
        shown = np.flatnonzero(view_mask[b])
        rows = np.empty((len(shown), width), np.float32)  # of one point, which the processor's cache holds
        weights = np.empty((len(shown), heads), np.float32)
        fraction = np.float32(1 / len(shown))
        for q in range(x.shape[2]):
            for j in range(width):
                attended[j] = mean[j] = square[j] = 0
            for n in range(len(shown)):
                v = shown[n]
                for j in range(width):
                    value = x[b, v, q, j]
                    rows[n, j] = np.float32(0) if value < 0 else value  # NaN stays
                for j in range(width):
                    mean[j] += rows[n, j]
                for k in range(heads):
                    logit = np.float32(0)
                    for j in range(width):
                        logit += weight[k, j] * rows[n, j]
                    weights[n, k] = logit + bias[k]
            for k in range(heads):  # softmax
                most = weights[0, k]
                for n in range(1, len(shown)):
                    most = max(most, weights[n, k])
                total = np.float32(0)
                for n in range(len(shown)):
                    weights[n, k] = np.exp(weights[n, k] - most)
                    total += weights[n, k]
                for n in range(len(shown)):
                    weights[n, k] /= total
                    attention[b, q, shown[n], k] = weights[n, k]
            for j in range(width):
                mean[j] *= fraction
            for n in range(len(shown)):
                for k in range(heads):
                    share = weights[n, k]
                    for j in range(part):
                        shares[k * part + j] = share
                for j in range(width):
                    attended[j] += shares[j] * rows[n, j]
                for j in range(width):
                    difference = rows[n, j] - mean[j]
                    square[j] += difference * difference
            for j in range(width):
                pooled[b, q, j] = attended[j]
                pooled[b, q, width + j] = mean[j]
                pooled[b, q, 2 * width + j] = np.sqrt(square[j] * fraction + np.float32(VARIANCE_FLOOR))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _backward(x, view_mask, weight, pooled, attention, gradient, of_x, of_weight, of_bias):
    """Fill `of_x` (B, V, Q, H); add to `of_weight` (heads, H) and `of_bias` (heads,)."""
    heads, width = weight.shape
    part = width // heads
    slope, row, of_row = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    shares, products, along = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(heads, np.float32)
    for b in range(len(x)):
        fraction = np.float32(1 / view_mask[b].sum())
        for q in range(x.shape[2]):
            for j in range(width):  # of the standard deviation by a value's difference from the mean
                slope[j] = fraction * gradient[b, q, 2 * width + j] / pooled[b, q, 2 * width + j]
            for k in range(heads):
                total = np.float32(0)
                for j in range(k * part, (k + 1) * part):
                    total += gradient[b, q, j] * pooled[b, q, j]
                along[k] = total
            for v in range(x.shape[1]):
                if not view_mask[b, v]:
                    for j in range(width):
                        of_x[b, v, q, j] = 0
                    continue
                for j in range(width):
                    value = x[b, v, q, j]
                    row[j] = np.float32(0) if value < 0 else value
                for k in range(heads):
                    share = attention[b, q, v, k]
                    for j in range(part):
                        shares[k * part + j] = share
                for j in range(width):
                    products[j] = gradient[b, q, j] * row[j]
                for j in range(width):
                    difference = row[j] - pooled[b, q, width + j]
                    of_row[j] = (
                        shares[j] * gradient[b, q, j] + fraction * gradient[b, q, width + j] + slope[j] * difference
                    )
                for k in range(heads):
                    total = np.float32(0)
                    for j in range(k * part, (k + 1) * part):
                        total += products[j]
                    of_logit = attention[b, q, v, k] * (total - along[k])
                    of_bias[k] += of_logit
                    for j in range(width):
                        of_weight[k, j] += of_logit * row[j]
                    for j in range(width):
                        of_row[j] += of_logit * weight[k, j]
                for j in range(width):
                    of_x[b, v, q, j] = np.float32(0) if row[j] == 0 else of_row[j]
