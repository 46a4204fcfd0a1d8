"""Data augmentation: normalised frames moved, rotated and scaled at random."""

import math
from dataclasses import replace

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch.nn.functional import normalize

from model.cases.batch import Batch
from scans.cameras import CAMERA_COLUMNS, TRANSFORM

FOCAL_LENGTHS = slice(CAMERA_COLUMNS.index("fx"), CAMERA_COLUMNS.index("fy") + 1)
ORTHOGRAPHIC = CAMERA_COLUMNS.index("orthographic")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FrameJitter:
    """Bounds of the uniform random changes of a case's normalised frame.

    Attributes:
        offset: of the origin along each axis, in jaw radii.
        scale: relative change of the unit of length.
        rotation: about each axis, in degrees.
    """

    offset: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.offset or self.scale or self.rotation)


def with_jittered_frames(batch: Batch, jitter: FrameJitter, generator: torch.Generator) -> Batch:
    """The batch with each case in another frame: jaw and cameras move together, and the pictures stay as they are.

    A network can't overfit to where the surface of a training jaw lies then; it has to look at the pictures.

    Args:
        batch: with cameras.
        generator: on the batch's device.
    """
    if batch.cameras is None:
        raise ValueError("frames without cameras can't be jittered")

    def uniform(bound: float, count: int) -> torch.Tensor:
        shape = (len(batch.radius), count)
        device = batch.points.device
        return bound * (2 * torch.rand(shape, generator=generator, device=device, dtype=torch.float64) - 1)

    offset, scale = uniform(jitter.offset, 3)[:, None], 1 + uniform(jitter.scale, 1)[:, None]  # (B, 1, 3), (B, 1, 1)
    rotation = _rotations(uniform(math.radians(jitter.rotation), 3))
    cameras = batch.cameras.clone()
    poses = cameras[..., TRANSFORM].unflatten(-1, (4, 4))  # a view, (B, V, 4, 4)
    poses[..., :3, 3] = scale * _rotated(poses[..., :3, 3], rotation) + offset
    poses[..., :3, :3] = rotation[:, None] @ poses[..., :3, :3]
    # An orthographic camera has pixels per unit of length; angles, as a perspective one has, stay.
    cameras[..., FOCAL_LENGTHS] /= torch.where(cameras[..., ORTHOGRAPHIC, None] > 0, scale, 1.0)
    offset, scale, rotation = offset.float(), scale.float(), rotation.float()
    return replace(
        batch,
        cameras=cameras,
        points=scale * _rotated(batch.points, rotation) + offset,
        normals=None if batch.normals is None else _rotated(batch.normals, rotation),
        radius=batch.radius / scale[:, 0, 0],
    )


def _rotations(vectors: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) rotation matrices of rotation vectors (B, 3), axis times angle in radians (Rodrigues' formula)."""
    angles = vectors.norm(dim=-1)[:, None, None]
    x, y, z = normalize(vectors, dim=-1).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return identity + angles.sin() * cross + (1 - angles.cos()) * (cross @ cross)


def _rotated(vectors: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
    """Vectors (B, N, 3) rotated by (B, 3, 3); without matrix products, which a GPU may round to TF32."""
    return (vectors[:, :, None] * rotations[:, None]).sum(dim=-1)
