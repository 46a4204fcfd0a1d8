"""Made jaws, in Teeth3DS's layout and with its split files."""

from dataclasses import dataclass
from pathlib import Path

from scans.cases.manifest import Manifest, RawCase
from scans.cases.naming import SYNTHETIC
from scans.synthetic.crown_files import PAGE
from stages.params.tree import Params
from stages.runtime.map_ordered import map_ordered
from stages.sources.crown_model import crown_model


def jaw_ids(seed: int, count: int) -> list[str]:
    """Case ids of the first jaws of a seed. They hold it, so that jaws of two seeds are never taken for each other."""
    prefix = f"{SYNTHETIC}{seed}-" if seed else SYNTHETIC
    return [f"{prefix}{number:05d}" for number in range(count)]


def fill(folder: Path, params: Params) -> Manifest:
    """Make `download.synthetic.jaws` jaws in the folder."""
    from scans.teeth3ds import layout as teeth3ds

    source = params.download.synthetic
    ids = jaw_ids(source.seed, source.jaws)
    model = crown_model(params).resolve() if source.crowns == "measured" else None
    tasks = [_Jaw(folder, case_id, source.seed, source.voxel_size, model) for case_id in ids]
    for _ in map_ordered(_write_jaw, tasks, compute=params.compute, what="making jaws"):
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
    if model:
        origin = (
            f"{len(ids)} jaws made by Tenview (seed {source.seed}) with crowns drawn from a statistical model of about "
            f"130 patients' teeth: {PAGE}, MIT licence, Copyright (c) 2023 Chen Yizhou."
        )
    return Manifest(cases, origin, "apache-2.0")


@dataclass(frozen=True)
class _Jaw:
    folder: Path
    case_id: str
    seed: int
    voxel_size: float
    model: Path | None


def _write_jaw(jaw: _Jaw) -> None:
    from scans.synthetic.crown_model import read_model
    from scans.synthetic.jaw import make_jaw
    from scans.teeth3ds import layout as teeth3ds

    model = read_model(jaw.model) if jaw.model else None
    mesh = make_jaw(jaw.seed, jaw.case_id, voxel_mm=jaw.voxel_size, model=model)
    teeth3ds.write_case(jaw.folder, jaw.case_id, "upper", mesh)
