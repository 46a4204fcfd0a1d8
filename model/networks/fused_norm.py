"""Batch norm fused with the activation after it (ReLU, ReLU6), for training on few cores of a CPU.

PyTorch's own are four operations, which with their gradients go through memory fifteen times; this does so eight times.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import nn
from torch.autograd.function import once_differentiable

MOST_THREADS = 2  # with more, PyTorch's parallel operations are faster
ROWS = 32  # that are summed in float32, before these sums are in float64
WIDTH = 64  # of a row at least, where there are more pixels; a few vector registers

# Lower and upper bound of what comes after the norm.
BOUNDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Identity: (-np.inf, np.inf),
    nn.ReLU: (0.0, np.inf),
    nn.ReLU6: (0.0, 6.0),
}


def can_be_fused(x: torch.Tensor, activation: nn.Module) -> bool:
    """Whether `fused_norm` can and should do it."""
    return (
        type(activation) in BOUNDS
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
        and torch.is_grad_enabled()
        and torch.get_num_threads() <= MOST_THREADS
    )


def fused_norm(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, activation: nn.Module
) -> torch.Tensor:
    """(K, C, H, W) → (K, C, H, W), normalised per channel by its own statistics, scaled, shifted and clipped.

    Args:
        x: channels last in memory. weight, bias: (C,).
        activation: see BOUNDS.
    """
    return _FusedNorm.apply(x, weight, bias, eps, *BOUNDS[type(activation)])


class _FusedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, low: float, high: float
    ) -> torch.Tensor:
        y = torch.empty_like(x)
        ctx.save_for_backward(x)
        ctx.bounds = np.float32(low), np.float32(high)
        ctx.lines = _forward(
            _rows(x), weight.detach().numpy(), bias.detach().numpy(), np.float64(eps), *ctx.bounds, _rows(y)
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        of_x = torch.empty_like(x)
        of_weight, of_bias = _backward(_rows(x), _rows(gradient), ctx.lines, *ctx.bounds, _rows(of_x))
        return of_x, torch.from_numpy(of_weight), torch.from_numpy(of_bias), None, None, None


def _rows(x: torch.Tensor) -> np.ndarray:
    """(R, F·C) of (K, C, H, W): F pixels a row, so that it is no shorter than WIDTH; a view where channels are last."""
    images = x.detach().numpy().transpose(0, 2, 3, 1)
    channels, pixels, fold = x.shape[1], images.size // x.shape[1], 1
    while channels * fold < WIDTH and pixels % (2 * fold) == 0:
        fold *= 2
    return images.reshape(pixels // fold, channels * fold)


@njit(cache=True, nogil=True)
def _forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    eps: np.float64,
    low: np.float32,
    high: np.float32,
    y: np.ndarray,
) -> np.ndarray:
    """Fill `y`.

    Returns:
        (4, C) float64, per channel: slope and offset of the norm, y = slope · x + offset, rounded to float32; mean;
            inverse of the standard deviation.
    """
    rows, width = x.shape
    channels = len(weight)
    # Sums are of differences from each channel's first value: the squares of one that hardly varies would cancel.
    first = _repeat(x[0, :channels], width)
    total, squares = np.zeros(width), np.zeros(width)
    some, some_squares = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for start in range(0, rows, ROWS):
        for i in range(start, min(start + ROWS, rows)):
            for j in range(width):
                v = x[i, j] - first[j]
                some[j] += v
                some_squares[j] += v * v
        _carry(some, total)
        _carry(some_squares, squares)
    _fold(total, channels)
    _fold(squares, channels)
    count = rows * width // channels
    lines = np.empty((4, channels))
    for k in range(channels):
        difference = total[k] / count
        mean = first[k] + difference
        scale = 1 / np.sqrt(max(squares[k] / count - difference * difference, 0.0) + eps)
        lines[0, k], lines[2, k], lines[3, k] = np.float32(weight[k] * scale), mean, scale
        lines[1, k] = np.float32(bias[k] - weight[k] * scale * mean)
    slope, offset = _repeat(lines[0], width), _repeat(lines[1], width)
    for i in range(rows):
        for j in range(width):
            v = x[i, j] * slope[j] + offset[j]
            v = low if v < low else v  # NaN stays
            y[i, j] = high if v > high else v
    return lines


@njit(cache=True, nogil=True)
def _backward(
    x: np.ndarray, gradient: np.ndarray, lines: np.ndarray, low: np.float32, high: np.float32, of_x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fill the gradient of the input (Ioffe and Szegedy 2015, section 3).

    What was clipped is computed again from `x`, which costs less than to read `y`.

    Returns:
        (C,) float32, the gradients of weight and bias.
    """
    rows, width = x.shape
    channels = lines.shape[1]
    slope, offset, mean = _repeat(lines[0], width), _repeat(lines[1], width), _repeat(lines[2], width)
    total, products = np.zeros(width), np.zeros(width)
    some, some_products = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for start in range(0, rows, ROWS):
        for i in range(start, min(start + ROWS, rows)):
            for j in range(width):
                g = _unclipped(gradient[i, j], x[i, j] * slope[j] + offset[j], low, high)
                some[j] += g
                some_products[j] += g * (x[i, j] - mean[j])
        _carry(some, total)
        _carry(some_products, products)
    _fold(total, channels)
    _fold(products, channels)
    count = rows * width // channels
    of_weight, of_bias = np.empty(channels, np.float32), np.empty(channels, np.float32)
    by_value, constant = np.empty(channels), np.empty(channels)
    for k in range(channels):
        of_weight[k], of_bias[k] = products[k] * lines[3, k], total[k]
        by_value[k] = -lines[0, k] * lines[3, k] ** 2 * products[k] / count
        constant[k] = -lines[0, k] * total[k] / count - by_value[k] * lines[2, k]
    by_values, constants = _repeat(by_value, width), _repeat(constant, width)
    for i in range(rows):
        for j in range(width):
            g = _unclipped(gradient[i, j], x[i, j] * slope[j] + offset[j], low, high)
            of_x[i, j] = g * slope[j] + x[i, j] * by_values[j] + constants[j]
    return of_weight, of_bias


@njit(inline="always")
def _unclipped(gradient: np.float32, value: np.float32, low: np.float32, high: np.float32) -> np.float32:
    """The gradient where the activation let the value through, 0 where it was clipped."""
    return np.float32(0) if (value <= low) | (value >= high) else gradient


@njit(inline="always")
def _carry(some: np.ndarray, total: np.ndarray) -> None:
    """Add sums of some rows, in float32, to those of all, in float64, and start anew."""
    for j in range(len(some)):
        total[j] += some[j]
        some[j] = 0


@njit(inline="always")
def _repeat(values: np.ndarray, width: int) -> np.ndarray:
    """(C,) → (F·C,) float32, for each pixel of a row."""
    repeated = np.empty(width, np.float32)
    for j in range(width):
        repeated[j] = values[j % len(values)]
    return repeated


@njit(inline="always")
def _fold(sums: np.ndarray, channels: int) -> None:
    """Add to the sums of the first pixel of a row, in place, those of the others."""
    for j in range(channels, len(sums)):
        sums[j % channels] += sums[j]
