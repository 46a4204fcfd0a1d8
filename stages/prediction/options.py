"""What the caller of `predict` decides."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from scans.mesh_files.writers import POINT_FORMATS, SURFACE_FORMATS

FORMATS = tuple(dict.fromkeys((*POINT_FORMATS, *SURFACE_FORMATS, "npz")))


@dataclass(frozen=True, slots=True)
class Axes:
    """How a scan lies in its file; see `scans.preparing.frame`."""

    crowns: str = "+z"
    incisors: str = "-y"
    millimetres_per_unit: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to predict.

    Attributes:
        missing: numbers of the views that the folders lack; None takes what is there.
        points: how many to return. seed: of their choice.
        radius: millimetres per unit, where the caller knows the jaw's size.
        formats: some of FORMATS.
        axes: of the scans.
    """

    missing: Collection[int] | None = ()
    points: int = 50_000
    seed: int = 0
    radius: float | None = None
    formats: Sequence[str] = FORMATS
    axes: Axes = field(default_factory=Axes)
