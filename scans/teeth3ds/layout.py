"""Teeth3DS's layout on disk: `<jaw>/<ID>/<ID>_<jaw>.obj`, its labels beside it, and the split files."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scans.errors import ScanError
from scans.fdi import checked_labels
from scans.files import atomic_file
from scans.mesh import GINGIVA, LOWER_FDI, UPPER_FDI, Mesh

TEETH = {"upper": UPPER_FDI, "lower": LOWER_FDI}
SPLITS_FOLDER = "Teeth3DS_train_test_split"
SPLIT_FILES = {"train": "training", "test": "testing"}
SPLIT_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)_(upper|lower)")


def mesh_path(root: Path, case_id: str, jaw: str) -> Path:
    """Where a case's OBJ lies under the data set's root."""
    return root / jaw / case_id / f"{case_id}_{jaw}.obj"


def labels_path(root: Path, case_id: str, jaw: str) -> Path:
    """Where a case's labels lie under the data set's root."""
    return mesh_path(root, case_id, jaw).with_suffix(".json")


def landmarks_path(root: Path, case_id: str, jaw: str) -> Path:
    """Where a case's 3DTeethLand landmarks lie: `objects[].class` and, in the OBJ's frame, `objects[].coord`."""
    return mesh_path(root, case_id, jaw).with_name(f"{case_id}_{jaw}__kpt.json")


def write_case(root: Path, case_id: str, jaw: str, mesh: Mesh) -> None:
    """Write a mesh, and its labels where it has any, as a case of the data set.

    The labels appear before the OBJ, so that a case whose OBJ is there is whole. The same mesh gives the same bytes.
    Instances number the teeth from 1 in FDI order.

    Args:
        mesh: in millimetres; coordinates are rounded to six decimals.

    Raises:
        ScanError: the case id can't be a Teeth3DS id, or the labels are none of this jaw.
    """
    from scans.mesh_files.obj_writer import encode_obj  # compiles; those who read need it not

    if not SPLIT_LINE.fullmatch(f"{case_id}_{jaw}"):
        raise ScanError(f"{case_id}_{jaw}: a case is named by letters, digits and hyphens, its jaw is upper or lower")
    target = mesh_path(root, case_id, jaw)
    labels_target = labels_path(root, case_id, jaw)
    if mesh.labels is None:
        labels_target.unlink(missing_ok=True)
    else:
        check_jaw(mesh.labels, jaw, labels_target)
        teeth = np.unique(mesh.labels[mesh.labels != GINGIVA])
        instances = np.where(mesh.labels == GINGIVA, 0, np.searchsorted(teeth, mesh.labels) + 1)
        content = {
            "id_patient": case_id,
            "jaw": jaw,
            "labels": mesh.labels.tolist(),
            "instances": instances.tolist(),
        }
        with atomic_file(labels_target) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")
    with atomic_file(target) as partial:
        partial.write_bytes(encode_obj(mesh))


def check_jaw(labels: np.ndarray, jaw: str, source: object) -> None:
    """Refuse labels of the other jaw.

    Raises:
        ScanError: a label is neither gingiva nor a tooth of this jaw.
    """
    foreign = ~np.isin(labels, (GINGIVA, *TEETH[jaw]))
    if foreign.any():
        found = ", ".join(map(str, np.unique(labels[foreign])[:5]))
        raise ScanError(
            f"{source}: {foreign.sum()} of {len(labels)} labels ({found}) are no teeth of the {jaw} jaw. "
            "Check whether the file belongs to the other jaw"
        )


def read_labels(path: Path, vertex_count: int) -> tuple[str, np.ndarray]:
    """Read a case's labels.

    Args:
        path: `<ID>_<jaw>.json` with `labels`, whole numbers, and `jaw`, which the labels tell where it is missing.
        vertex_count: how many vertices the case's OBJ has.

    Returns:
        the jaw, "upper" or "lower"; labels (vertex_count,) uint8, FDI numbers, 0 = gingiva.

    Raises:
        ScanError: the file can't be read, doesn't fit the vertices, or its labels are no FDI numbers of its jaw.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ScanError(f"{path}: the labels can't be read ({error.strerror}). Check the file") from error
    except (ValueError, RecursionError) as error:
        raise ScanError(f"{path}: the labels are no readable JSON ({error}). Get the file again") from error
    if not isinstance(content, dict):
        raise ScanError(f'{path}: a label file is an object with "jaw" and "labels". Get the file again')
    found = content.get("labels")
    if not isinstance(found, list) or not all(map(_is_whole, found)):
        raise ScanError(f'{path}: "labels" must be a list of whole numbers. Get the file again')
    jaw = content.get("jaw", "lower" if set(found) & set(LOWER_FDI) else "upper")
    jaw = jaw.lower() if isinstance(jaw, str) else jaw
    if jaw not in ("upper", "lower"):
        raise ScanError(f'{path}: "jaw" must be "upper" or "lower", found {jaw!r}. Get the file again')
    if path.stem.endswith(("_upper", "_lower")) and not path.stem.endswith(f"_{jaw}"):
        raise ScanError(f'{path}: it is named for one jaw and says "jaw": "{jaw}". Rename it or get it again')
    if len(found) != vertex_count:
        raise ScanError(
            f"{path}: it has {len(found)} labels for {vertex_count} vertices. "
            "Labels follow the OBJ's vertex order: use the OBJ that they were made for"
        )
    try:
        labels = checked_labels(np.array([int(label) for label in found], dtype=np.int64), path)
    except OverflowError as error:
        raise ScanError(f"{path}: a label is no FDI number. Get the file again") from error
    check_jaw(labels, jaw, path)
    return jaw, labels


def _is_whole(label: object) -> bool:
    return type(label) is int or (type(label) is float and label.is_integer())


def split_path(root: Path, split: str, jaw: str) -> Path:
    """Where the data set lists the cases of its split, "train" or "test"."""
    return root / SPLITS_FOLDER / f"{SPLIT_FILES[split]}_{jaw}.txt"


def write_splits(root: Path, jaw: str, split_of: Mapping[str, str]) -> None:
    """Write the data set's split files for one jaw.

    Args:
        split_of: "train" or "test" for each case id.
    """
    for split in SPLIT_FILES:
        lines = [f"{case_id}_{jaw}\n" for case_id in sorted(split_of) if split_of[case_id] == split]
        with atomic_file(split_path(root, split, jaw)) as partial:
            partial.write_text("".join(lines), encoding="utf-8")


def read_split(path: Path) -> list[tuple[str, str]]:
    """The cases that a split file names.

    Args:
        path: one `<ID>_<jaw>` a line; LF or CRLF, blank lines allowed.

    Returns:
        (case id, jaw) in the file's order, each once.

    Raises:
        ScanError: the file can't be read, names no case, or a line is none.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScanError(f"{path}: the split file can't be read ({error.strerror}). Check the file") from error
    except UnicodeDecodeError as error:
        raise ScanError(f"{path}: the split file is no text. Get it again") from error
    cases: dict[tuple[str, str], None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = SPLIT_LINE.fullmatch(line.strip())
        if match is None:
            raise ScanError(f"{path}: line {number} must read <ID>_upper or <ID>_lower, found {line.strip()[:60]!r}")
        cases[match[1], match[2]] = None
    if not cases:
        raise ScanError(f"{path}: the split file names no case. Get it again")
    return list(cases)
