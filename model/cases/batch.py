"""A batch of cases as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

from model.cases.case import Case
from model.cases.shared_batch import new_batch
from model.geometry.neighbours import IndexedPoints

TENSORS = ("views", "view_mask", "points", "radius", "cameras", "normals", "labels")


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
        indexed: B point clouds with their k-d trees, which `indexed_points` then need not build; None if not built.
    """

    views: torch.Tensor
    view_mask: torch.Tensor
    points: torch.Tensor
    radius: torch.Tensor
    cameras: torch.Tensor | None = None
    normals: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    indexed: Sequence[IndexedPoints] | None = None

    @classmethod
    def collate(cls, cases: Sequence[Case]) -> Self:
        """The cases on the CPU; all with as many views and points.

        Raises:
            ValueError: a point is not finite (names the case).
        """
        return cls.received(stacked(cases, shared=False))

    @classmethod
    def received(cls, columns: dict[str, Any]) -> Self:
        """What `stacked` has made, here or in another process."""
        return cls(**{name: tensor for name, tensor in columns.items() if name != "id"})

    @classmethod
    def concatenate(cls, batches: Sequence[Self]) -> Self:
        """One batch of all cases."""
        if len(batches) == 1:
            return batches[0]
        columns: dict[str, Any] = {}
        for name in TENSORS:
            tensors = [getattr(batch, name) for batch in batches]
            columns[name] = torch.cat(tensors) if all(tensor is not None for tensor in tensors) else None
        trees = [batch.indexed for batch in batches]
        return cls(**columns, indexed=None if None in trees else [cloud for case in trees for cloud in case or ()])

    def indexed_points(self) -> Sequence[IndexedPoints]:
        """Each case's points with their k-d tree, which is built unless `indexed` holds that of the same points."""
        known = self.indexed
        if known and all(torch.equal(each.points, points) for each, points in zip(known, self.points, strict=True)):
            return known
        return IndexedPoints.build_each(self.points)

    def with_indexed_points(self) -> Self:
        """The batch with `indexed`, for cases that are kept for many steps."""
        return replace(self, indexed=IndexedPoints.build_each(self.points))

    def to(self, device: torch.device) -> Self:
        """On another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def take(self, numbers: torch.Tensor) -> Self:
        """The cases of these numbers, on the same device."""
        return self._each(lambda tensor: tensor.index_select(0, numbers))

    @property
    def nbytes(self) -> int:
        """Memory of all tensors."""
        tensors = (getattr(self, name) for name in TENSORS)
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)

    def _each(self, change: Any) -> Self:
        tensors: dict[str, Any] = {name: getattr(self, name) for name in TENSORS}
        changed: dict[str, Any] = {name: None if each is None else change(each) for name, each in tensors.items()}
        return type(self)(**changed)


def stacked(cases: Sequence[Case], *, shared: bool) -> dict[str, Any]:
    """The tensors of a batch by name, and `id`; all cases with as many views and points.

    Args:
        shared: see `new_batch`.

    Raises:
        ValueError: a point is not finite (names the case).
    """
    for case in cases:
        if not np.isfinite(case.points).all():
            raise ValueError(f"case {case.id}: points hold NaN or infinity")
    columns: dict[str, list[Any]] = {"radius": [np.float32(case.radius) for case in cases]}
    for name in ("views", "view_mask", "points", "cameras", "normals", "labels"):
        known = [array for array in (getattr(case, name) for case in cases) if array is not None]
        if len(known) == len(cases):
            columns[name] = known
    return new_batch([case.id for case in cases], columns, shared=shared)
