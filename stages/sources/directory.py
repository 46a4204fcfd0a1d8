"""A folder of a user's own scans."""

import re
import shutil
from pathlib import Path

from scans.cases.manifest import Manifest, RawCase
from scans.errors import UserError
from scans.mesh_files.read import SUFFIXES
from stages.params.tree import Params


def fill(folder: Path, params: Params) -> Manifest:
    """Copy the scans, bytes unchanged; `prepare` reads, checks and turns them.

    Raises:
        UserError: there is no such folder or no scan in it, or two scans would have one case id.
    """
    source = params.download.directory
    origin = Path(source.path)
    if not origin.is_dir():
        raise UserError(f"{origin}: no such folder. Set download.directory.path in params.yaml to your scans' folder.")
    files = sorted(path for path in origin.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise UserError(f"{origin}: holds no scan. Put {', '.join(sorted(SUFFIXES))} files there.")
    (folder / "files").mkdir()
    taken: dict[str, Path] = {}
    cases = []
    for path in files:
        case_id = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem)
        if case_id in taken:
            raise UserError(f"{path} and {taken[case_id]} would both be the case {case_id!r}. Rename one of them.")
        taken[case_id] = path
        labels = path.with_suffix(".json")
        mesh_copy = folder / "files" / f"{case_id}{path.suffix.lower()}"
        shutil.copyfile(path, mesh_copy)
        if labels.is_file():
            shutil.copyfile(labels, mesh_copy.with_suffix(".json"))
        cases.append(
            RawCase(
                case_id,
                f"files/{mesh_copy.name}",
                f"files/{case_id}.json" if labels.is_file() else None,
                split=None,
                crowns=source.crowns,
                incisors=source.incisors,
                millimetres_per_unit=source.millimetres_per_unit,
            )
        )
    return Manifest(cases, f"{len(cases)} scans from a folder of the user's own, under that user's terms.", "other")
