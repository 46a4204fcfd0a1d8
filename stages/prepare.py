"""prepare: raw scans → normalised meshes and point clouds in Parquet shards, with a dataset card."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scans.cases.manifest import RawCase, read_manifest
from scans.cases.splits import assign_splits
from scans.errors import ScanError, UserError
from scans.shards.naming import SPLITS, group_cases, shard_name
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.table import read_columns, read_metadata
from stages.cards.dataset_card import dataset_card
from stages.params.tree import Params, PrepareParams
from stages.per_case.prepare_case import prepare_case
from stages.runtime import store
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import say
from stages.runtime.workspace import PREPARED, SCANS, atomic_folder

LINES = 50  # of cases that cleaning changed; all are in cleaning.json


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
    with atomic_folder(PREPARED) as folder:
        tasks = []
        for split in SPLITS:
            ids = [case_id for case_id in raw if splits[case_id] == split]
            for number, group in enumerate(group_cases(ids, prepare.cases_per_shard)):
                target = folder / f"{split}-{number:05d}.parquet"
                tasks.append(_Shard(target, split, tuple(raw[case_id] for case_id in group), prepare))
        refused: dict[str, str] = {}
        for bad in map_ordered(_make_shard, tasks, compute=params.compute, what="preparing shards"):
            refused.update(bad)
        origin = _origin(params)
        reasons = "".join(f"  {_in_own_names(reason, raw[name], origin)}\n" for name, reason in refused.items())
        if refused and prepare.on_bad_scan == "fail":
            raise UserError(
                f"{len(refused)} of {len(cases)} scans can't be used:\n{reasons}"
                "Mend or remove them, or set prepare.on_bad_scan to skip to leave them out."
            )
        if refused:
            say(f"prepare: {len(refused)} of {len(cases)} scans are left out:\n{reasons.rstrip()}")
        _name_shards(folder)
        # An output: no place of this machine stands in it.
        refused = {name: _in_own_names(reason, raw[name], Path()) for name, reason in refused.items()}
        _write_report(folder, refused, manifest.left_out)
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
        include={"surface", "reconstruction", "points", "sampling", "frame_jitter", "min_component_fraction", "seed"}
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
        "prepare",
        split=shard.split,
        params=settings | {"max_removed_fraction": shard.prepare.max_removed_fraction},  # no byte of a case, but which
        cases=[[asdict(case), digests[case.id]] for case in shard.cases],
    )
    store.make(name, shard.target, lambda path: write_prepared(path, cases(), settings["points"], metadata))
    return read_metadata(shard.target)["refused"]


def _source_digest(case: RawCase) -> str:
    try:
        parts = [store.file_digest(SCANS / name) for name in (case.mesh, case.labels) if name is not None]
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}. Run `tenview download` (or `dvc repro`) again.") from None
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _name_shards(folder: Path) -> None:
    """Give the shards their final names; delete those without a case."""
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


def _origin(params: Params) -> Path:
    """The folder that the user's files lie in."""
    download = params.download
    return Path(download.directory.path if download.source == "directory" else download.teeth3ds.archives)


def _in_own_names(reason: str, case: RawCase, origin: Path) -> str:
    """A reason that names the user's files in place of their copies in data/scans."""
    for copy, own in ((case.mesh, case.source), (case.labels, case.labels_source)):
        if copy and own:
            reason = reason.replace(str(SCANS / copy), str(origin / own))
    return reason


def _write_report(folder: Path, refused: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    """cleaning.json: what was changed in each case, which cases were refused and why, which files are no case.

    The changes are printed, too, and how scans lie where that had to be found.
    """
    from scans.preparing.cleaning import changes  # late, as in prepare_case: it compiles
    from scans.preparing.orientation import in_words

    cases: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.parquet")):
        table = read_columns(path, ["id", "cleaning"])
        cases.update(zip(table["id"].to_pylist(), map(json.loads, table["cleaning"].to_pylist()), strict=True))
    totals: Counter[str] = Counter()
    for counts in cases.values():
        totals.update({name: count for name, count in counts.items() if isinstance(count, int)})
    report: dict[str, object] = {"refused": refused, "in_all": dict(totals), "cases": cases}
    if left_out:
        report |= {"left_out": left_out, "files_left_out": len(left_out)}
    (folder / "cleaning.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for case_id, counts in sorted(cases.items()):
        if "orientation" in counts:
            say(f"prepare: {case_id}: {in_words(counts['orientation'])}")
    changed = {case_id: told for case_id, counts in sorted(cases.items()) if (told := changes(counts))}
    for case_id, told in list(changed.items())[:LINES]:
        say(f"prepare: {case_id}: {told}")
    if len(changed) > LINES:
        say(f"prepare: {len(changed) - LINES} further cases were changed too: see {PREPARED / 'cleaning.json'}")
