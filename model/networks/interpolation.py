"""Linear interpolation of feature maps and grids at any number of points; channels lie last in memory.

As `grid_sample` with border padding. On a CPU it is compiled by numba, in float32: PyTorch's takes two to five times as
long for a few thousand points and one thread. It runs in one thread, so that gradients are summed in a fixed order.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch.autograd.function import once_differentiable
from torch.nn.functional import grid_sample

ONE, HALF = np.float32(1), np.float32(0.5)


def bilinear(maps: torch.Tensor, uv: torch.Tensor, base: torch.Tensor | None = None) -> torch.Tensor:
    """Bilinear samples (B, V, Q, H) of maps (B, V, h, w, H) at (B, V, Q, 2) coordinates in -1..1.

    Args:
        base: (B, V, Q, H), to which they are added. Where no gradient is asked for it may be overwritten by the result.

    Raises:
        ValueError: maps, coordinates and base are of other cases or views.
    """
    if _in_pytorch(uv):
        flat = maps.flatten(0, 1).permute(0, 3, 1, 2)
        sampled = grid_sample(flat, uv.flatten(0, 1)[:, :, None], padding_mode="border", align_corners=False)
        sampled = sampled[..., 0].transpose(1, 2).unflatten(0, uv.shape[:2])
        return sampled if base is None else base + sampled
    if maps.shape[:2] != uv.shape[:2] or (base is not None and base.shape != (*uv.shape[:3], maps.shape[4])):
        shapes = ", ".join(str(tuple(each.shape)) for each in (maps, uv, base) if each is not None)
        raise ValueError(f"expected maps (B, V, h, w, H), coordinates (B, V, Q, 2) and base (B, V, Q, H), got {shapes}")
    maps, uv = maps.float().contiguous(), uv.detach().float().contiguous()
    if base is None:
        return _Bilinear.apply(maps, uv)
    if torch.is_grad_enabled():
        return base + _Bilinear.apply(maps, uv)
    base = base.float().contiguous()
    _sample_maps(_by_view(maps), _by_view(uv), True, _by_view(base))
    return base


def trilinear(grid: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Trilinear samples (N, C) of a grid (D, H, W, C) at (N, 3) coordinates x, y, z in -1..1."""
    if _in_pytorch(places):
        channels_first = grid.permute(3, 0, 1, 2)[None]
        sampled = grid_sample(channels_first, places[None, :, None, None], padding_mode="border", align_corners=False)
        return sampled[0, :, :, 0, 0].T
    return _Trilinear.apply(grid.float().contiguous(), places.detach().float().contiguous())


def _in_pytorch(places: torch.Tensor) -> bool:
    """Whether the device, a gradient for the coordinates or an export needs PyTorch's operations."""
    graph = torch.is_grad_enabled() and places.requires_grad
    return places.device.type != "cpu" or graph or torch.compiler.is_exporting()


class _Bilinear(torch.autograd.Function):
    """The gradient goes to the maps alone."""

    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(uv)
        ctx.shape = maps.shape
        sampled = maps.new_empty(*uv.shape[:3], maps.shape[4])
        _sample_maps(_by_view(maps), _by_view(uv), False, _by_view(sampled))
        return sampled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (uv,) = ctx.saved_tensors
        of_maps = gradient.new_zeros(ctx.shape)
        _scatter_to_maps(_by_view(gradient.contiguous()), _by_view(uv), _by_view(of_maps))
        return of_maps, None


class _Trilinear(torch.autograd.Function):
    """The gradient goes to the grid alone."""

    @staticmethod
    def forward(ctx: Any, grid: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.shape = grid.shape
        sampled = grid.new_empty(len(places), grid.shape[3])
        _sample_grid(grid.detach().numpy(), places.numpy(), sampled.numpy())
        return sampled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        of_grid = gradient.new_zeros(ctx.shape)
        _scatter_to_grid(gradient.contiguous().numpy(), places.numpy(), of_grid.numpy())
        return of_grid, None


def _by_view(tensor: torch.Tensor) -> np.ndarray:
    """(B, V, ...) → (B·V, ...)"""
    return tensor.detach().flatten(0, 1).numpy()


@njit(inline="always")
def _between(place: np.float32, pixels: int) -> tuple[tuple[int, np.float32], tuple[int, np.float32]]:
    """The pixels before and behind a coordinate, and their weights; of NaN, as of -1."""
    middle = (place + ONE) * np.float32(pixels / 2) - HALF
    middle = min(middle, np.float32(pixels - 1)) if middle > 0 else np.float32(0)
    before = int(middle)
    weight = middle - np.float32(before)
    return (before, ONE - weight), (min(before + 1, pixels - 1), weight)


@njit(cache=True, nogil=True)
def _sample_maps(maps: np.ndarray, uv: np.ndarray, added: bool, sampled: np.ndarray) -> None:
    """Fill `sampled` (V, Q, H), or add to it."""
    height, width, channels = maps.shape[1:]
    for v in range(len(maps)):
        for q in range(uv.shape[1]):
            (left, of_left), (right, of_right) = _between(uv[v, q, 0], width)
            (upper, of_upper), (lower, of_lower) = _between(uv[v, q, 1], height)
            a, b, c, d = of_left * of_upper, of_right * of_upper, of_left * of_lower, of_right * of_lower
            if not added:
                for j in range(channels):
                    sampled[v, q, j] = 0
            for j in range(channels):
                sampled[v, q, j] += (
                    a * maps[v, upper, left, j]
                    + b * maps[v, upper, right, j]
                    + c * maps[v, lower, left, j]
                    + d * maps[v, lower, right, j]
                )


@njit(cache=True, nogil=True)
def _scatter_to_maps(gradient: np.ndarray, uv: np.ndarray, of_maps: np.ndarray) -> None:
    """Add each sample's gradient (V, Q, H) to the pixels that it was made of."""
    height, width, channels = of_maps.shape[1:]
    for v in range(len(of_maps)):
        for q in range(uv.shape[1]):
            columns = _between(uv[v, q, 0], width)
            for row, of_row in _between(uv[v, q, 1], height):
                for column, of_column in columns:
                    weight = of_row * of_column
                    for j in range(channels):
                        of_maps[v, row, column, j] += weight * gradient[v, q, j]


@njit(cache=True, nogil=True)
def _sample_grid(cells: np.ndarray, places: np.ndarray, sampled: np.ndarray) -> None:
    """Fill `sampled` (N, C)."""
    for n in range(len(places)):
        (x0, of_x0), (x1, of_x1) = _between(places[n, 0], cells.shape[2])
        rows = _between(places[n, 1], cells.shape[1])
        for c in range(cells.shape[3]):
            sampled[n, c] = 0
        for i, of_i in _between(places[n, 2], cells.shape[0]):
            for j, of_j in rows:
                a, b = of_i * of_j * of_x0, of_i * of_j * of_x1
                for c in range(cells.shape[3]):
                    sampled[n, c] += a * cells[i, j, x0, c] + b * cells[i, j, x1, c]


@njit(cache=True, nogil=True)
def _scatter_to_grid(gradient: np.ndarray, places: np.ndarray, of_cells: np.ndarray) -> None:
    """Add each sample's gradient (N, C) to the cells that it was made of."""
    depth, height, width, channels = of_cells.shape
    for n in range(len(places)):
        columns, rows = _between(places[n, 0], width), _between(places[n, 1], height)
        for i, of_i in _between(places[n, 2], depth):
            for j, of_j in rows:
                for k, of_k in columns:
                    weight = of_i * of_j * of_k
                    for c in range(channels):
                        of_cells[i, j, k, c] += weight * gradient[n, c]
