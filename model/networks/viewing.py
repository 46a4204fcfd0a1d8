"""Projection and viewing features of query points: viewing direction, encoded depth, whether within the image."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numba import njit

from model.geometry.projection import camera_poses, project
from model.networks.positional_encoding import positional_encoding
from scans.cameras import CAMERA_VECTOR_SIZE, INTRINSICS, NEAREST, TRANSFORM

DEPTH_FREQUENCIES = 6
VIEWING_FEATURES = 3 + 1 + 2 * DEPTH_FREQUENCIES + 1


class Viewing(NamedTuple):
    """Q query points as V views see them.

    Attributes:
        uv: (B, V, Q, 2) column and row in the image, from -1 at its left and upper border to 1.
        features: (B, V, VIEWING_FEATURES + 1, Q): the unit viewing direction in the points' frame; the positional
            encoding of the depth minus the camera's distance from the frame's origin; 1 for points within the image, 0
            for others; and 1, for the bias of a linear layer.
    """

    uv: torch.Tensor
    features: torch.Tensor


def viewing_of(points: torch.Tensor, cameras: torch.Tensor) -> Viewing:
    """Project query points (B, Q, 3), normalised frame, by cameras (B, V, 23), and compute their viewing features.

    On a CPU, where no gradient is asked for, it is compiled by numba: PyTorch's 30 operations take six times as long
    for 10 views of 1,024 points.

    Raises:
        ValueError: not as many cases of points as of cameras, or cameras of another shape.
    """
    graph = torch.is_grad_enabled() and (points.requires_grad or cameras.requires_grad)
    if points.device.type != "cpu" or points.dtype != torch.float32 or graph or torch.compiler.is_exporting():
        return _viewing_in_pytorch(points, cameras)
    if len(points) != len(cameras) or points.shape[2] != 3 or cameras.shape[2] != CAMERA_VECTOR_SIZE:
        raise ValueError(
            f"expected points (B, Q, 3) and cameras (B, V, {CAMERA_VECTOR_SIZE}), got {tuple(points.shape)} and "
            f"{tuple(cameras.shape)}"
        )
    cases, views, queries = *cameras.shape[:2], points.shape[1]
    viewing = Viewing(
        points.new_empty(cases, views, queries, 2), points.new_empty(cases, views, VIEWING_FEATURES + 1, queries)
    )
    inputs = (each.detach().contiguous().numpy() for each in (points.transpose(1, 2), cameras))
    _fill(*inputs, viewing.uv.numpy(), viewing.features.numpy())
    return viewing


def _viewing_in_pytorch(points: torch.Tensor, cameras: torch.Tensor) -> Viewing:
    with torch.autocast(points.device.type, enabled=False):  # a coordinate in bfloat16 would be off by a pixel
        projection = project(points, cameras)
        _, position = camera_poses(cameras)
        depth = projection.depth - position.norm(dim=-1)[..., None]  # about 0 in the middle of the jaw
        inside = (projection.uv.abs().amax(dim=-1) < 1).to(points.dtype)
        encoding = positional_encoding(depth[..., None], DEPTH_FREQUENCIES)
        ones = torch.ones_like(inside)[..., None]
        features = torch.cat([projection.direction, encoding, inside[..., None], ones], dim=-1)
        return Viewing(projection.uv, features.transpose(2, 3))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _fill(points: np.ndarray, cameras: np.ndarray, uv: np.ndarray, features: np.ndarray) -> None:
    """Fill `uv` and `features` for points (B, 3, Q); higher frequencies of the encoding by double-angle formulas."""
    sines, cosines = 4, 4 + DEPTH_FREQUENCIES
    one, two, nearest, pi = np.float32(1), np.float32(2), np.float32(NEAREST), np.float32(math.pi)
    for b in range(len(points)):
        for v in range(cameras.shape[1]):
            transform, intrinsics = cameras[b, v, TRANSFORM], cameras[b, v, INTRINSICS]
            fx, fy, cx, cy, width, height, orthographic = intrinsics
            px, py, pz = transform[3], transform[7], transform[11]
            away = np.sqrt(px * px + py * py + pz * pz)
            parallel = orthographic > 0
            for q in range(points.shape[2]):
                x, y, z = points[b, 0, q] - px, points[b, 1, q] - py, points[b, 2, q] - pz
                right = x * transform[0] + y * transform[4] + z * transform[8]
                up = x * transform[1] + y * transform[5] + z * transform[9]
                depth = -(x * transform[2] + y * transform[6] + z * transform[10])
                scale = one if parallel else one / max(depth, nearest)
                column = two * (cx + fx * right * scale) / width - one
                row = two * (cy - fy * up * scale) / height - one
                uv[b, v, q, 0], uv[b, v, q, 1] = column, row
                inverse = one / max(np.sqrt(x * x + y * y + z * z), nearest)
                features[b, v, 0, q] = -transform[2] if parallel else x * inverse
                features[b, v, 1, q] = -transform[6] if parallel else y * inverse
                features[b, v, 2, q] = -transform[10] if parallel else z * inverse
                features[b, v, 3, q] = depth - away
                features[b, v, VIEWING_FEATURES, q] = one
                features[b, v, VIEWING_FEATURES - 1, q] = one if max(abs(column), abs(row)) < one else np.float32(0)
            for q in range(points.shape[2]):
                angle = pi * features[b, v, 3, q]
                features[b, v, sines, q], features[b, v, cosines, q] = np.sin(angle), np.cos(angle)
            for k in range(DEPTH_FREQUENCIES - 1):
                for q in range(points.shape[2]):
                    sine, cosine = features[b, v, sines + k, q], features[b, v, cosines + k, q]
                    features[b, v, sines + k + 1, q] = two * sine * cosine
                    features[b, v, cosines + k + 1, q] = one - two * sine * sine
