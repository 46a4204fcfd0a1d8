"""prepare: raw scans → normalised meshes and surface points in Parquet shards, with a dataset card."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scans.errors import ScanError, UserError
from scans.manifest import RawCase, read_manifest
from scans.shards.naming import SPLITS, group_cases, shard_name
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.table import read_columns, read_metadata
from scans.splits import assign_splits
from stages import store
from stages.cards import dataset_card
from stages.compute import map_ordered
from stages.params import Params
from stages.params import Prepare as PrepareParams
from stages.progress import say
from stages.workspace import PREPARED, SCANS, whole_folder


def run(params: Params) -> None:
    """Fill data/prepared from data/scans.

    Raises:
        UserError: a scan is broken and `prepare.on_bad_scan` is `fail`, or no scan is left. All broken scans are named.
    """
    prepare = params.prepare
    manifest = read_manifest(SCANS)
    cases = manifest.cases
    splits = assign_splits(
        cases, validation_share=prepare.validation_share, test_share=prepare.test_share, seed=prepare.seed
    )
    raw = {case.id: case for case in cases}
    with whole_folder(PREPARED) as folder:
        tasks = []
        for split in SPLITS:
            ids = [case_id for case_id in raw if splits[case_id] == split]
            for number, group in enumerate(group_cases(ids, prepare.cases_per_shard)):
                target = folder / f"{split}-{number:05d}.parquet"
                tasks.append(_Shard(target, split, tuple(raw[case_id] for case_id in group), prepare))
        refused: dict[str, str] = {}
        for bad in map_ordered(_make_shard, tasks, compute=params.compute, what="preparing shards"):
            refused.update(bad)
        if refused and prepare.on_bad_scan == "fail":
            reasons = "\n".join(f"  {reason}" for reason in refused.values())
            raise UserError(
                f"{len(refused)} of {len(cases)} scans can't be used:\n{reasons}\n"
                "Mend or remove them, or set prepare.on_bad_scan to skip to leave them out."
            )
        _name_shards(folder)
        _write_report(folder, refused)
        (folder / "README.md").write_text(dataset_card(folder, manifest, prepare), encoding="utf-8")
    store.prune(params.compute.store_gigabytes)
    say(f"prepare: {len(cases) - len(refused)} cases in {PREPARED}, {len(refused)} left out")


@dataclass(frozen=True)
class _Shard:
    target: Path
    split: str
    cases: tuple[RawCase, ...]
    prepare: PrepareParams


def _make_shard(shard: _Shard) -> dict[str, str]:
    """Make one shard, or take it from the store. Returns the refused cases with the reasons."""
    digests = {case.id: _source_digest(case) for case in shard.cases}
    settings = shard.prepare.model_dump(
        include={"surface", "reconstruction", "points", "sampling", "framing", "speck_share", "seed"}
    )
    refused: dict[str, str] = {}
    metadata = {
        "frame": "normalised: x_mm = x * radius + center; crowns +z, incisors -y, patient right (FDI 1x) +x",
        "points": {"shape": [settings["points"], 3], "unit": "jaw radii"},
        "params": settings,
        "refused": refused,
    }

    def cases() -> Iterator[PreparedCase]:
        for case in shard.cases:
            try:
                yield prepare_case(case, shard.split, digests[case.id], shard.prepare)
            except ScanError as error:
                refused[case.id] = str(error)

    name = store.key(
        "prepare", split=shard.split, params=settings, cases=[[asdict(case), digests[case.id]] for case in shard.cases]
    )
    store.make(name, shard.target, lambda path: write_prepared(path, cases(), settings["points"], metadata))
    return read_metadata(shard.target)["refused"]


def prepare_case(case: RawCase, split: str, source: str, prepare: PrepareParams) -> PreparedCase:
    """Read, turn, clean, sample and normalise one scan; its files are relative to data/scans, or absolute."""
    # Imported here: a stage that finds all its shards done needs none of these slow imports.
    from scans.cleaning import clean
    from scans.frame import check_size, orient
    from scans.mesh_files import read_mesh
    from scans.normalise import center_and_radius, normalise
    from scans.poisson_surface import reconstruct
    from scans.sampling import sample_surface
    from scans.seeds import generator
    from scans.teeth3ds import check_jaw, read_labels

    path = SCANS / case.mesh
    mesh = read_mesh(path)
    if case.labels is not None:
        mesh = replace(mesh, labels=read_labels(SCANS / case.labels, len(mesh.vertices))[1])
    if mesh.labels is not None:
        check_jaw(mesh.labels, case.jaw, SCANS / (case.labels or case.mesh))
    mesh = orient(mesh, case.crowns, case.incisors, case.millimetres_per_unit)
    mesh, cleaning = clean(mesh, path, smallest_share=prepare.speck_share)
    check_size(mesh, path)
    rng = generator(prepare.seed, case.id)
    if prepare.surface == "poisson":
        made_from = prepare.reconstruction
        mesh = reconstruct(mesh, path, rng, count=made_from.points, depth=made_from.depth)
        mesh, _ = clean(mesh, path, smallest_share=prepare.speck_share)
    samples = sample_surface(mesh, prepare.points, rng, prepare.sampling)
    center, radius = center_and_radius(samples.points)
    chance = generator(prepare.seed, f"{case.id}/framing")
    center = center + radius * prepare.framing.offset * chance.uniform(-1, 1, 3)
    radius *= 1 + prepare.framing.scale * chance.uniform(-1, 1)
    return PreparedCase(
        id=case.id,
        split=split,
        points=normalise(samples.points, center, radius),
        normals=samples.normals,
        labels=samples.labels,
        center=center,
        radius=radius,
        mesh=replace(mesh, vertices=normalise(mesh.vertices, center, radius)),
        source=source,
        cleaning=asdict(cleaning),
    )


def _source_digest(case: RawCase) -> str:
    try:
        parts = [store.file_digest(SCANS / name) for name in (case.mesh, case.labels) if name is not None]
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}. Run `tenview download` (or `dvc repro`) again.") from None
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _name_shards(folder: Path) -> None:
    """Give the shards their final names; those left without a case go."""
    for split in SPLITS:
        paths = []
        for path in sorted(folder.glob(f"{split}-*.parquet")):
            if read_columns(path, ["id"]).num_rows:
                paths.append(path)
            else:
                path.unlink()
        for number, path in enumerate(paths):
            path.rename(folder / shard_name(split, number, len(paths)))
    if not any(folder.glob("*.parquet")):
        raise UserError(f"{SCANS}: no usable scan is left.")


def _write_report(folder: Path, refused: dict[str, str]) -> None:
    """cleaning.json: what was removed from each case, and which cases were refused and why."""
    cases: dict[str, dict[str, int]] = {}
    for path in sorted(folder.glob("*.parquet")):
        table = read_columns(path, ["id", "cleaning"])
        cases.update(zip(table["id"].to_pylist(), map(json.loads, table["cleaning"].to_pylist()), strict=True))
    totals: Counter[str] = Counter()
    for counts in cases.values():
        totals.update(counts)
    report = {"refused": refused, "in_all": dict(totals), "cases": cases}
    (folder / "cleaning.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
