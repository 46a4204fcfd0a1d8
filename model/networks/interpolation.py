"""Linear interpolation of feature maps and grids at any number of points; channels lie last in memory.

As `grid_sample` with border padding. On a CPU it is compiled by numba, in float32: PyTorch's takes two to five times as
long for a few thousand points and one thread. It has one thread, so that sums of gradients have one order.
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
    """Trilinear samples (N, C) of a grid (1, C, D, H, W) at (N, 3) coordinates x, y, z in -1..1.

    Args:
        grid: best in memory format `torch.channels_last_3d`; others are copied each time.
    """
    if _in_pytorch(places):
        sampled = grid_sample(grid, places[None, :, None, None], padding_mode="border", align_corners=False)
        return sampled[0, :, :, 0, 0].T
    return _Trilinear.apply(grid.float(), places.detach().float().contiguous())


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
        cells = grid.detach()[0].permute(1, 2, 3, 0).contiguous()  # (D, H, W, C)
        sampled = grid.new_empty(len(places), grid.shape[1])
        _sample_grid(cells.numpy(), places.numpy(), sampled.numpy())
        return sampled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        # In the memory format of the weights, as DistributedDataParallel wants it.
        of_grid = torch.empty(ctx.shape, memory_format=torch.channels_last_3d).zero_()
        _scatter_to_grid(gradient.contiguous().numpy(), places.numpy(), of_grid[0].permute(1, 2, 3, 0).numpy())
        return of_grid, None


def _by_view(tensor: torch.Tensor) -> np.ndarray:
    """(B, V, ...) → (B·V, ...)"""
    return tensor.detach().flatten(0, 1).numpy()


@njit(inline="always")
def _between(place: np.float32, pixels: int) -> tuple[int, int, np.float32]:
    """The pixels before and behind a coordinate, and the weight of the latter; of NaN, as of -1."""
    middle = (place + ONE) * np.float32(pixels / 2) - HALF
    middle = min(middle, np.float32(pixels - 1)) if middle > 0 else np.float32(0)
    before = int(middle)
    return before, min(before + 1, pixels - 1), middle - np.float32(before)


@njit(cache=True, nogil=True)
def _sample_maps(maps: np.ndarray, uv: np.ndarray, added: bool, sampled: np.ndarray) -> None:
    """Fill `sampled` (V, Q, H), or add to it."""
    height, width, channels = maps.shape[1:]
    for v in range(len(maps)):
        for q in range(uv.shape[1]):
            left, right, x = _between(uv[v, q, 0], width)
            upper, lower, y = _between(uv[v, q, 1], height)
            a, b, c, d = (ONE - x) * (ONE - y), x * (ONE - y), (ONE - x) * y, x * y
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
            left, right, x = _between(uv[v, q, 0], width)
            upper, lower, y = _between(uv[v, q, 1], height)
            for row, of_row in ((upper, ONE - y), (lower, y)):
                for column, of_column in ((left, ONE - x), (right, x)):
                    weight = of_row * of_column
                    for j in range(channels):
                        of_maps[v, row, column, j] += weight * gradient[v, q, j]


@njit(cache=True, nogil=True)
def _sample_grid(cells: np.ndarray, places: np.ndarray, sampled: np.ndarray) -> None:
    """Fill `sampled` (N, C)."""
    depth, height, width, channels = cells.shape
    for n in range(len(places)):
        x0, x1, x = _between(places[n, 0], width)
        y0, y1, y = _between(places[n, 1], height)
        z0, z1, z = _between(places[n, 2], depth)
        for c in range(channels):
            sampled[n, c] = 0
        for i, of_i in ((z0, ONE - z), (z1, z)):
            for j, of_j in ((y0, ONE - y), (y1, y)):
                a, b = of_i * of_j * (ONE - x), of_i * of_j * x
                for c in range(channels):
                    sampled[n, c] += a * cells[i, j, x0, c] + b * cells[i, j, x1, c]


@njit(cache=True, nogil=True)
def _scatter_to_grid(gradient: np.ndarray, places: np.ndarray, of_cells: np.ndarray) -> None:
    """Add each sample's gradient (N, C) to the cells that it was made of."""
    depth, height, width, channels = of_cells.shape
    for n in range(len(places)):
        x0, x1, x = _between(places[n, 0], width)
        y0, y1, y = _between(places[n, 1], height)
        z0, z1, z = _between(places[n, 2], depth)
        for i, of_i in ((z0, ONE - z), (z1, z)):
            for j, of_j in ((y0, ONE - y), (y1, y)):
                for k, of_k in ((x0, ONE - x), (x1, x)):
                    weight = of_i * of_j * of_k
                    for c in range(channels):
                        of_cells[i, j, k, c] += weight * gradient[n, c]
