"""A batch of cases on the network's device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints


@dataclass(frozen=True, slots=True)
class Batch:
    """B cases on the network's device.

    Attributes:
        cases: B cases, on the CPU.
        views: (B, V, H, W) or (B, V, H, W, 3) uint8.
        view_mask: (B, V) bool, the views that the network may use.
        cameras: (B, V, 23) float64, see `scans.cameras`; None if the cases have none.
        targets: B ground-truth point clouds.
    """

    cases: Sequence[Case]
    views: torch.Tensor
    view_mask: torch.Tensor
    cameras: torch.Tensor | None
    targets: Sequence[IndexedPoints]
