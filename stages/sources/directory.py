"""A folder of a user's own scans."""

import shutil
from pathlib import Path

from scans.cases.folder import FoundScan, find_scans
from scans.cases.manifest import Manifest, RawCase
from scans.cases.naming import readable
from scans.errors import UserError
from stages.params.tree import DirectoryParams, Params
from stages.sources.left_out import tell
from stages.sources.own_folder import refuse_outputs


def fill(folder: Path, params: Params) -> Manifest:
    """Copy the scans, bytes unchanged; `prepare` reads, checks and turns them.

    Raises:
        UserError: there is no such folder, no scan in it, or Tenview writes to it; or two scans would have one case id.
    """
    from scans.mesh_files.read import SUFFIXES  # with numba, which no other source needs

    source = params.download.directory
    origin = Path(source.path)
    if not origin.is_dir():
        raise UserError(f"{origin}: no such folder. Set download.directory.path in params.yaml to your scans' folder.")
    refuse_outputs(origin, "scans")
    found = find_scans(origin)
    tell(found.left_out, origin)
    if not found.scans:
        raise UserError(f"{origin}: holds no scan. Put {', '.join(sorted(SUFFIXES))} files of upper jaws there.")
    (folder / "files").mkdir()
    cases = [_copy(scan, folder, origin, source) for scan in found.scans]
    origin_sentence = f"{len(cases)} scans from a folder of the user's own, under that user's terms."
    return Manifest(cases, origin_sentence, "other", found.left_out)


def _copy(scan: FoundScan, folder: Path, origin: Path, source: DirectoryParams) -> RawCase:
    mesh = Path("files", f"{scan.id}{scan.mesh.suffix.lower()}")
    shutil.copyfile(scan.mesh, folder / mesh)
    labels = Path("files", f"{scan.id}.json") if scan.labels else None
    if scan.labels and labels:
        shutil.copyfile(scan.labels, folder / labels)
    return RawCase(
        scan.id,
        str(mesh),
        str(labels) if labels else None,
        split=None,
        crowns=source.crowns,
        incisors=source.incisors,
        millimetres_per_unit=source.millimetres_per_unit,
        source=readable(scan.mesh.relative_to(origin)),
        labels_source=readable(scan.labels.relative_to(origin)) if scan.labels else None,
    )
