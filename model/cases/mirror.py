"""Data augmentation, in training and at test time: jaws mirrored from left to right."""

from dataclasses import replace
from functools import cache

import torch

from model.cases.batch import Batch
from model.geometry.field import FieldPrediction
from scans.cameras import CAMERA_COLUMNS, TRANSFORM, WIDTH
from scans.mesh import GINGIVA, LABELS

# Mirrored at the plane x = 0 in its own frame and in the world's, a camera stays a rotation.
POSE_SIGNS = [-1.0 if (name[-2] == "0") != (name[-1] == "0") else 1.0 for name in CAMERA_COLUMNS[TRANSFORM]]
CX = CAMERA_COLUMNS.index("cx")
AXES = (-1.0, 1.0, 1.0)  # factors on coordinates
OTHER_SIDE = {1: 2, 2: 1, 3: 4, 4: 3}  # quadrants, the first digit of an FDI number


def mirrored(batch: Batch, chosen: torch.Tensor) -> Batch:
    """The batch with some cases mirrored from left to right: pictures, cameras, ground truth and FDI numbers.

    It is exact where the light comes from the camera's direction, and the anatomy's two sides differ by chance alone.

    Args:
        batch: with cameras; normalised frame, so that x = 0 is the middle of a jaw.
        chosen: (B,) bool, on the batch's device.
    """
    if batch.cameras is None:
        raise ValueError("mirrored cases need cameras")
    views, cameras = mirrored_views(batch.views, batch.cameras)
    axes = batch.points.new_tensor(AXES)

    def choose(flipped: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        return torch.where(chosen.view(-1, *[1] * (plain.ndim - 1)), flipped, plain)

    return replace(
        batch,
        views=choose(views, batch.views),
        cameras=choose(cameras, batch.cameras),
        points=choose(batch.points * axes, batch.points),
        normals=None if batch.normals is None else choose(batch.normals * axes, batch.normals),
        labels=None if batch.labels is None else choose(_other_side(batch.labels), batch.labels),
    )


def mirrored_views(views: torch.Tensor, cameras: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Views (B, V, H, W) or (B, V, H, W, 3) and cameras (B, V, 23) of the mirrored jaws."""
    cameras = cameras.clone()
    cameras[..., TRANSFORM] *= cameras.new_tensor(POSE_SIGNS)
    cameras[..., CX] = cameras[..., WIDTH] - cameras[..., CX]
    return views.flip(3), cameras


def mirrored_back(prediction: FieldPrediction) -> FieldPrediction:
    """The prediction for mirrored jaws, as one for the jaws themselves."""
    axes = prediction.points.new_tensor(AXES)
    return FieldPrediction(
        prediction.points * axes,
        prediction.signed_distances,
        prediction.normals * axes,
        prediction.unsigned_distances,
        prediction.class_logits[..., _classes_of_other_side(axes.device)],
    )


def _other_side(labels: torch.Tensor) -> torch.Tensor:
    """FDI numbers (uint8) of the same teeth on the other side; 0, the gingiva, stays."""
    return _fdi_of_other_side(labels.device)[labels.long()]


@cache
def _fdi_of_other_side(device: torch.device) -> torch.Tensor:
    """(256,) uint8, by FDI number; made once, for what is copied to a GPU makes a step wait."""
    table = torch.zeros(256, dtype=torch.uint8)
    for fdi in LABELS:
        table[fdi] = _mirrored_fdi(fdi)
    return table.to(device)


@cache
def _classes_of_other_side(device: torch.device) -> torch.Tensor:
    """(33,) int64, the places in LABELS of the same teeth on the other side."""
    return torch.tensor([LABELS.index(_mirrored_fdi(fdi)) for fdi in LABELS], device=device)


def _mirrored_fdi(fdi: int) -> int:
    quadrant, tooth = divmod(fdi, 10)
    return 10 * OTHER_SIDE[quadrant] + tooth if fdi else GINGIVA
