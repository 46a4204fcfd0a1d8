"""The scans in a folder as people keep it, and an account of all that is not taken."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scans.cases.naming import case_id, readable
from scans.cases.walk import Walk
from scans.errors import UserError

PACKED = {".gz", ".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".zipx", ".lz4"}
OTHER_MESHES = re.compile(
    r"\.(3dm|3ds|3mf|amf|blend|c4d|cpc|ctm|dae|dcm|drc|dxf|e57|fbx|gltf|hps|iges|igs|las|laz|max|mesh|msh|nas|pcd|pts|ptx"
    r"|step|stp|usd[acz]?|vrml|vtk|vtu|wrl|x3d|xyz|zpr)"
)
# Names of jaws in English, Latin, German, Spanish, Italian, French and Chinese, accents taken off.
JAW_NAMES = {
    "upper": "upper|maxilla|maxillary|oberkiefer|superior|superieure?",
    "lower": "lower|mandible|mandibula|mandibular|unterkiefer|inferior|inferiore|inferieure?",
}
CHINESE = {"upper": "上颌|上頜|上牙", "lower": "下颌|下頜|下牙"}
_JAWS = {
    jaw: re.compile(rf"(?<![a-z])(?:{names})(?:jaw|arch|teeth|scan)*(?![a-z])|{CHINESE[jaw]}")
    for jaw, names in JAW_NAMES.items()
}

LOWER = "a lower jaw by its name"
NO_SCAN = "no scan"


@dataclass(frozen=True, slots=True)
class FoundScan:
    """A scan: its case id, its file, and the file with its labels, where there is one."""

    id: str
    mesh: Path
    labels: Path | None


@dataclass
class Found:
    """What a folder holds.

    Attributes:
        scans: sorted by path.
        left_out: why each other file or folder is not taken, by its path below the folder, readable, sorted.
    """

    scans: list[FoundScan] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def find_scans(folder: Path) -> Found:
    """The scans of upper jaws in a folder and its subfolders.

    Links are followed, each file counts once. Hidden files, lower jaws by their names, copies with the same content,
    packed scans, other formats, broken links and what can't be opened are left out, each with the reason. Labels lie
    beside a scan in a JSON file of its name, whatever the case of the letters.

    Raises:
        UserError: two scans would have one case id: one name with two suffixes, most likely one scan saved twice.
    """
    from scans.mesh_files.read import SUFFIXES  # with numba, which no other source needs

    walk = Walk(folder)
    left_out = walk.left_out
    files = sorted(walk.files, key=lambda path: os.fsencode(path.relative_to(folder)))
    meshes = []
    for path in files:
        if path.suffix.lower() in SUFFIXES:
            if _jaw_of(path.relative_to(folder)) == "lower":
                left_out[path] = LOWER
            else:
                meshes.append(path)
    label_files = _Labels(path for path in files if path.suffix.lower() == ".json")
    labelled_first = sorted(meshes, key=lambda path: label_files.beside(path) is None)
    left_out |= _copies(labelled_first, folder)
    meshes = [path for path in meshes if path not in left_out]
    scans: dict[str, FoundScan] = {}
    for path in meshes:
        name = case_id(path.relative_to(folder).with_suffix(""))
        if name in scans:
            raise UserError(
                f"{readable(path)} and {readable(scans[name].mesh)} would both be the case {name!r}: one scan, saved "
                "twice? Take one of them away, or rename it."
            )
        labels = label_files.beside(path)
        if labels and (reason := no_labels(labels)):
            left_out[labels], labels = reason, None
        scans[name] = FoundScan(name, path, labels)
    taken = {path for scan in scans.values() for path in (scan.mesh, scan.labels)}
    for path in files:
        if path not in taken and path not in left_out:
            left_out[path] = reason_left_out(path)
    named = {readable(path.relative_to(folder)): reason for path, reason in left_out.items()}
    return Found(list(scans.values()), dict(sorted(named.items())))


def labels_beside(mesh: Path) -> Path | None:
    """The JSON file of a scan's name beside it, whatever the case of the letters; None where there is none."""
    return _Labels(path for path in mesh.parent.iterdir() if path.suffix.lower() == ".json").beside(mesh)


def no_labels(path: Path) -> str | None:
    """Why a JSON file holds no labels at all: a scanner's order, say. None where it has some, right or wrong."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None  # who reads the labels will say so
    has_labels = isinstance(content, dict) and "labels" in content
    return None if has_labels else 'JSON without "labels": no label file as Teeth3DS has them'


class _Labels:
    """JSON files by folder and name."""

    def __init__(self, files: Iterator[Path]):
        self._files: dict[tuple[Path, str], list[Path]] = {}
        for path in files:
            self._files.setdefault((path.parent, _folded(path.stem)), []).append(path)

    def beside(self, mesh: Path) -> Path | None:
        found = self._files.get((mesh.parent, _folded(mesh.stem)), [])
        # Of several, the one whose letters are as the scan's; so `A.json` is never taken for `a.stl` beside `A.stl`.
        return min(found, key=lambda path: (path.stem != mesh.stem, path.suffix != ".json", path.name), default=None)


def _copies(meshes: list[Path], folder: Path) -> dict[Path, str]:
    """The files with the same content as an earlier one: one jaw in training and test would be no test."""
    by_size: dict[int, list[Path]] = {}
    for path in meshes:
        by_size.setdefault(path.stat().st_size, []).append(path)
    copies: dict[Path, str] = {}
    for same in by_size.values():
        first: dict[bytes, Path] = {}
        for path in same if len(same) > 1 else ():
            with open(path, "rb") as file:
                known = first.setdefault(hashlib.file_digest(file, "sha256").digest(), path)
            if known is not path:
                copies[path] = f"a copy of {readable(known.relative_to(folder))}, byte for byte"
    return copies


def _jaw_of(path: Path) -> str | None:
    """ "upper" or "lower" where the file's name says so, or else the nearest folder's."""
    for part in (path.stem, *reversed(path.parts[:-1])):
        if jaw := named_jaw(part):
            return jaw
    return None


def named_jaw(name: str) -> str | None:
    """The jaw that a name such as LowerJawScan or P001_lower tells; None where it tells none, or both."""
    plain = "".join(char for char in unicodedata.normalize("NFD", name) if not unicodedata.combining(char))
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).lower()
    jaws = [jaw for jaw, pattern in _JAWS.items() if pattern.search(words)]
    return jaws[0] if len(jaws) == 1 else None


def reason_left_out(path: Path) -> str:
    """Why a file that is no scan of ours is not taken, by its suffix."""
    suffix = path.suffix.lower()
    if suffix in PACKED:
        return f"packed ({suffix}): unpack it"
    if OTHER_MESHES.fullmatch(suffix):
        return f"{suffix} is not read here: export it as PLY, STL or OBJ"
    return "labels, or other JSON, without a scan of their name" if suffix == ".json" else NO_SCAN


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
