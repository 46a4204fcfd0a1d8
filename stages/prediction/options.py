"""Options of `predict`."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scans.cases.manifest import RawCase
from scans.mesh_files.writers import POINT_FORMATS, SURFACE_FORMATS

FORMATS = tuple(dict.fromkeys((*POINT_FORMATS, *SURFACE_FORMATS, "npz")))
USUAL_FORMATS = ("ply", "stl", "glb", "npz")


@dataclass(frozen=True, slots=True)
class Axes:
    """Orientation and unit of a scan file, as in `scans.cases.manifest.RawCase`."""

    crowns: str = "auto"
    incisors: str = "auto"
    millimetres_per_unit: float | str = "auto"

    def raw_case(self, name: str, mesh: Path, labels: Path | None) -> RawCase:
        """A case of such a file, wherever it lies."""
        labels_path = str(labels.absolute()) if labels else None
        return RawCase(name, str(mesh.absolute()), labels_path, split=None, **asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of `predict`.

    Attributes:
        missing: numbers of the views that all folders lack; None accepts any.
        points: number of points to return. seed: of their sampling.
        radius: the jaw's radius in mm, if known.
        formats: some of FORMATS.
        faces: the most faces of the surface; None leaves it as it is reconstructed.
        solid, teeth: whether to write a watertight solid, and a file for each tooth.
        axes: of the scan files.
    """

    missing: Collection[int] | None = ()
    points: int = 50_000
    seed: int = 0
    radius: float | None = None
    formats: Sequence[str] = USUAL_FORMATS
    faces: int | None = None
    solid: bool = False
    teeth: bool = False
    axes: Axes = field(default_factory=Axes)
