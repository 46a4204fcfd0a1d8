"""A batch of cases as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import torch

from model.cases.case import Case


@dataclass(frozen=True, slots=True)
class Batch:
    """B cases as tensors on one device.

    Attributes:
        views: (B, V, H, W) or (B, V, H, W, 3) uint8.
        view_mask: (B, V) bool, the views that the network may use.
        points: (B, N, 3) float32, ground-truth point clouds.
        radius: (B,) float32, jaw radii in mm.
        cameras: (B, V, 23) float64, see `scans.cameras`; None if the cases have none.
        normals: (B, N, 3) float32; None if they were not read.
        labels: (B, N) uint8, FDI numbers; None if they were not read.
    """

    views: torch.Tensor
    view_mask: torch.Tensor
    points: torch.Tensor
    radius: torch.Tensor
    cameras: torch.Tensor | None = None
    normals: torch.Tensor | None = None
    labels: torch.Tensor | None = None

    @classmethod
    def collate(cls, cases: Sequence[Case]) -> Self:
        """The cases on the CPU; all with as many views and points.

        Raises:
            ValueError: a point is not finite (names the case).
        """
        for case in cases:
            if not np.isfinite(case.points).all():
                raise ValueError(f"case {case.id}: points hold NaN or infinity")
        return cls(
            views=_stack([case.views for case in cases]),
            view_mask=_stack([case.view_mask for case in cases]),
            points=_stack([case.points for case in cases]),
            radius=torch.tensor([case.radius for case in cases], dtype=torch.float32),
            cameras=_stack_known([case.cameras for case in cases]),
            normals=_stack_known([case.normals for case in cases]),
            labels=_stack_known([case.labels for case in cases]),
        )

    @classmethod
    def concatenate(cls, batches: Sequence[Self]) -> Self:
        """One batch of all cases."""
        columns: dict[str, Any] = {}
        for field in fields(cls):
            tensors = [getattr(batch, field.name) for batch in batches]
            columns[field.name] = torch.cat(tensors) if all(tensor is not None for tensor in tensors) else None
        return cls(**columns)

    def to(self, device: torch.device) -> Self:
        """On another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def take(self, numbers: torch.Tensor) -> Self:
        """The cases of these numbers, on the same device."""
        return self._each(lambda tensor: tensor.index_select(0, numbers))

    @property
    def nbytes(self) -> int:
        """Memory of all tensors."""
        tensors = (getattr(self, field.name) for field in fields(self))
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

    def _each(self, change: Any) -> Self:
        tensors: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {name: None if each is None else change(each) for name, each in tensors.items()}
        return type(self)(**changed)


def _stack(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays))


def _stack_known(arrays: Sequence[np.ndarray | None]) -> torch.Tensor | None:
    known = [array for array in arrays if array is not None]
    return _stack(known) if len(known) == len(arrays) else None
