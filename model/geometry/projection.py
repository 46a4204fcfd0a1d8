"""Projection of points into posed views."""

from typing import NamedTuple

import torch

from scans.cameras import CAMERA_VECTOR_SIZE, INTRINSICS, NEAREST, TRANSFORM


class Projection(NamedTuple):
    """Q points projected into V views.

    Attributes:
        uv: (B, V, Q, 2) column and row in the image, from -1 at its left and upper border to 1.
        depth: (B, V, Q) along the camera's axis, in jaw radii.
        direction: (B, V, Q, 3) unit viewing direction, away from the camera, in the points' frame.
    """

    uv: torch.Tensor
    depth: torch.Tensor
    direction: torch.Tensor


def project(points: torch.Tensor, cameras: torch.Tensor) -> Projection:
    """Project points by cameras in the OpenGL and NeRF convention, perspective or orthographic.

    Args:
        points: (B, Q, 3), normalised frame.
        cameras: (B, V, 23), see `scans.cameras`.

    Raises:
        ValueError: the cameras have another shape.
    """
    if cameras.shape[-1] != CAMERA_VECTOR_SIZE:
        raise ValueError(f"expected cameras of shape (B, V, {CAMERA_VECTOR_SIZE}), got {tuple(cameras.shape)}")
    rotation, position = camera_poses(cameras)
    offset = points[:, None] - position[:, :, None]  # (B, V, Q, 3)
    right, up, backward = (offset @ rotation).unbind(-1)  # (B, V, Q) each
    fx, fy, cx, cy, width, height, orthographic = (value[..., None] for value in cameras[..., INTRINSICS].unbind(-1))
    parallel = orthographic > 0
    depth = -backward
    scale = torch.where(parallel, 1.0, 1 / depth.clamp_min(NEAREST))
    uv = torch.stack(
        [2 * (cx + fx * right * scale) / width - 1, 2 * (cy - fy * up * scale) / height - 1], dim=-1
    )  # (B, V, Q, 2)
    axis = -rotation[..., 2][:, :, None].expand_as(offset)
    viewing = offset / offset.norm(dim=-1, keepdim=True).clamp_min(NEAREST)
    return Projection(uv, depth, torch.where(parallel[..., None], axis, viewing))


def camera_poses(cameras: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, V, 3, 3) rotations (columns: right, up, backward) and (B, V, 3) positions of (B, V, 23) cameras."""
    transform = cameras[..., TRANSFORM].unflatten(-1, (4, 4))
    return transform[..., :3, :3], transform[..., :3, 3]
