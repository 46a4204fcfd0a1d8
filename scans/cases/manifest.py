"""cases.json: the list of raw scans that a source leaves for `prepare`, whatever the source."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scans.errors import UserError

MANIFEST = "cases.json"


@dataclass(frozen=True, slots=True)
class RawCase:
    """One scan as it was delivered.

    Attributes:
        mesh, labels: files relative to the manifest's folder; `labels` is None where there are none.
        split: train or test where the source says so, else None.
        crowns, incisors: axes of the file that these point to ("+z", "-y", ...), or both "auto", to be found by shape.
        millimetres_per_unit: length of the file's unit, or "auto", to be found by size.
        jaw: "upper" or "lower".
        patient: whose jaw it is, so that both jaws of one patient share a split; None where that isn't known.
        landmarks: a file like `labels`, with 3DTeethLand's landmarks.
        source, labels_source: where mesh and labels lay in the folder that they were copied from, for messages.
    """

    id: str
    mesh: str
    labels: str | None
    split: str | None
    crowns: str = "+z"
    incisors: str = "-y"
    millimetres_per_unit: float | str = 1.0
    jaw: str = "upper"
    patient: str | None = None
    landmarks: str | None = None
    source: str | None = None
    labels_source: str | None = None

    @property
    def axes_are_the_users(self) -> bool:
        """Whether a user tells how the scan lies, not a data set: of a file that was copied, or stays where it is."""
        return self.source is not None or Path(self.mesh).is_absolute()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The scans of a folder, and where they come from.

    Attributes:
        cases: sorted by id.
        origin: a sentence for the dataset card. license: an identifier as Hugging Face's cards use them.
        left_out: why each other file of the source is no case, by its path there.
    """

    cases: Sequence[RawCase]
    origin: str
    license: str
    left_out: Mapping[str, str] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `folder`/cases.json; optional entries that say nothing are not written."""
    content = asdict(manifest)
    for row in content["cases"]:
        for name in ("source", "labels_source"):
            if row[name] is None:
                del row[name]
    if not manifest.left_out:
        del content["left_out"]
    (folder / MANIFEST).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder of raw scans.

    Raises:
        UserError: the manifest is missing or broken.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cases = sorted((RawCase(**row) for row in content.pop("cases")), key=lambda case: case.id)
        return Manifest(cases, **content)
    except FileNotFoundError:
        raise UserError(f"{path}: not found. Run `tenview download` (or `dvc repro`) first.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: no list of cases of ours ({error}). Run `tenview download` again.") from None
