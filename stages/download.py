"""download: the raw scans of the chosen source, with a list of them, into data/scans."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from scans.errors import UserError
from scans.manifest import Manifest, RawCase, write_manifest
from scans.mesh_files import SUFFIXES
from stages.compute import map_ordered
from stages.params import Compute, Directory, Params, Synthetic
from stages.progress import say
from stages.workspace import SCANS, whole_folder


def run(params: Params) -> None:
    """Fill data/scans from `download.source`."""
    with whole_folder(SCANS) as folder:
        if params.download.source == "synthetic":
            manifest = _synthetic(folder, params.download.synthetic, params.compute)
        else:
            manifest = _directory(folder, params.download.directory)
        write_manifest(folder, manifest)
    say(f"download: {len(manifest.cases)} scans in {SCANS}")


def _synthetic(folder: Path, source: Synthetic, compute: Compute) -> Manifest:
    """Made jaws, in Teeth3DS's layout and with its split files."""
    from scans import teeth3ds

    ids = [f"SYN{number:05d}" for number in range(source.jaws)]
    tasks = [_Jaw(folder, case_id, source.seed, source.voxel_size) for case_id in ids]
    for _ in map_ordered(_write_jaw, tasks, compute=compute, what="making jaws"):
        pass
    # The ids carry no meaning, so the last ones serve as well as any for testing.
    split_of = {
        case_id: "train" if number < source.jaws - source.test_jaws else "test" for number, case_id in enumerate(ids)
    }
    teeth3ds.write_splits(folder, "upper", split_of)
    cases = [
        RawCase(
            case_id,
            str(teeth3ds.mesh_path(Path(), case_id, "upper")),
            str(teeth3ds.labels_path(Path(), case_id, "upper")),
            split_of[case_id],
        )
        for case_id in ids
    ]
    origin = f"{len(ids)} parametric jaws made by Tenview (seed {source.seed}); no patient's data is in them."
    return Manifest(cases, origin, "apache-2.0")


@dataclass(frozen=True)
class _Jaw:
    folder: Path
    case_id: str
    seed: int
    voxel_size: float


def _write_jaw(jaw: _Jaw) -> None:
    from scans import teeth3ds
    from scans.synthetic import make_jaw

    mesh = make_jaw(jaw.seed, jaw.case_id, voxel_mm=jaw.voxel_size)
    teeth3ds.write_case(jaw.folder, jaw.case_id, "upper", mesh)


def _directory(folder: Path, source: Directory) -> Manifest:
    """Copies of a user's scans, bytes unchanged; `prepare` reads, checks and turns them."""
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
