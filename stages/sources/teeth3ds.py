"""The Teeth3DS(+) scans: its archives from the network or a user's folder, and out of them what is asked for."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scans.cases.manifest import Manifest, RawCase
from scans.cases.naming import readable
from scans.errors import UserError
from scans.fetching.archives import Member, extract, list_members
from scans.files import require_space
from scans.teeth3ds import layout as teeth3ds
from scans.teeth3ds.own_files import Key, checksum
from scans.teeth3ds.published import JAWS, LANDMARKS, LICENSE, ORIGIN, SAMPLE, SCANS, SPLITS, recognise
from stages.params.tree import ComputeParams, Params
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import say, track
from stages.sources.left_out import tell
from stages.sources.supply import Supply, deleted_if_bad, label_files

Case = tuple[str, str]  # patient, jaw


def fill(folder: Path, params: Params) -> Manifest:
    """Unpack the chosen jaws into the folder, in the data set's layout.

    Raises:
        UserError: an archive can't be had or used, the disk is too small, or no scan of the chosen jaws is there.
    """
    source = params.download.teeth3ds
    whole = params.download.source == "teeth3ds"
    jaws = JAWS if source.jaws == "both" else (source.jaws,)
    supply = Supply(source, params.compute.connections, {file.name: file.md5 for file in SCANS if file.md5})
    revised = label_files(source.labels)
    others = supply.own.other_archives
    kinds = {key[0] for key in (*supply.own.unpacked, *_choose(others, jaws, source.landmarks))}
    archives = supply.archives(SCANS if whole else SAMPLE, download="mesh" not in kinds, kept=len(jaws) / len(JAWS))
    if source.landmarks:
        archives += supply.archives(LANDMARKS, download="landmarks" not in kinds, kept=0.0)
    archives += others
    members = _choose(archives, jaws, source.landmarks)
    unpacked = _unpacked(supply.own.unpacked, members, jaws, source.landmarks)
    cases = sorted({key[1:] for key in (*members, *unpacked) if key[0] == "mesh"})
    if not cases:
        places = ", ".join(map(str, archives)) or source.archives
        raise UserError(f"{places}: no scan with jaw {source.jaws} is in there.")
    scans = set(cases)
    replaced = {key: path for key, path in revised.unpacked.items() if key[0] == "labels" and key[1:] in scans}
    files: dict[Key, Member | Path] = {**members, **unpacked, **replaced}
    chosen = {key: file for key, file in files.items() if key[0] == "split" or key[1:] in scans}
    empty = [path for path in others if all(member.archive != path for member in members.values())]
    left_out = {readable(path.relative_to(source.archives)): "holds nothing of the data set" for path in empty}
    unused = [(file, source.archives) for key, file in files.items() if key not in chosen]
    unused += [
        (path, source.labels)
        for key, path in revised.unpacked.items()
        if key[0] == "labels" and key[2] in jaws and key not in replaced
    ]
    left_out |= {_shown(file, origin): "of no scan here" for file, origin in unused}
    tell(left_out, Path(source.archives))
    _unpack(folder, chosen, params.compute)
    split_of = _splits(folder, cases, jaws, supply) if whole else {}
    supply.lock.save()
    raw = [_raw_case(case, chosen, split_of.get(case[0]), source.archives) for case in cases]
    if source.labels:
        say(f"teeth3ds: the labels of {len(replaced)} scans are those of {source.labels}")
    say(f"teeth3ds: {len(raw)} scans, {sum(case.labels is None for case in raw)} of them without labels")
    return Manifest(
        raw, ORIGIN.format(cases=len(raw)), LICENSE, {**supply.own.left_out, **revised.left_out, **left_out}
    )


def _raw_case(case: Case, files: Mapping[Key, Member | Path], split: str | None, origin: str) -> RawCase:
    patient, jaw = case
    mesh = files["mesh", patient, jaw]
    labelled, marked = (("labels", *case) in files, ("landmarks", *case) in files)
    return RawCase(
        f"{patient}_{jaw}",
        str(teeth3ds.mesh_path(Path(), patient, jaw)),
        str(teeth3ds.labels_path(Path(), patient, jaw)) if labelled else None,
        split,
        jaw=jaw,
        patient=patient,
        landmarks=str(teeth3ds.landmarks_path(Path(), patient, jaw)) if marked else None,
        source=readable(mesh.relative_to(origin)) if isinstance(mesh, Path) else None,
    )


def _shown(file: Member | Path, origin: str) -> str:
    return readable(file.relative_to(origin)) if isinstance(file, Path) else f"{file.archive.name}: {file.name}"


def _choose(archives: Sequence[Path], jaws: Sequence[str], landmarks: bool) -> dict[Key, Member]:
    """The files to unpack, by (kind, patient, jaw), and the split files by ("split", name, "")."""
    kinds = {"mesh", "labels", *(["landmarks"] if landmarks else [])}
    split_names = {file.name for file in SPLITS}

    def key_of(name: str) -> Key | None:
        base = name.replace("\\", "/").rpartition("/")[2]
        if base in split_names:
            return ("split", base, "")
        key = recognise(base)
        return key if key and key[0] in kinds and key[2] in jaws else None

    members: dict[Key, Member] = {}
    for archive in archives:
        with deleted_if_bad(archive):
            for member in list_members(archive, lambda name: key_of(name) is not None):
                key = key_of(member.name)
                assert key is not None
                known = members.setdefault(key, member)
                if (known.size, known.crc) != (member.size, member.crc):
                    raise UserError(
                        f"{member.archive}: {member.name} is there twice with different content, the other time in "
                        f"{known.archive} as {known.name}. Get the archives again."
                    )
    return members


def _unpacked(
    own: Mapping[Key, Path], members: Mapping[Key, Member], jaws: Sequence[str], landmarks: bool
) -> dict[Key, Path]:
    """The chosen ones of the files that the user has unpacked.

    Raises:
        UserError: one of them differs from the file of its name in an archive.
    """
    kinds = {"mesh", "labels", *(["landmarks"] if landmarks else [])}
    chosen = {key: path for key, path in own.items() if key[0] in kinds and key[2] in jaws}
    for key, path in chosen.items():
        member = members.get(key)
        if member and checksum(path) != (member.size, member.crc):
            raise UserError(
                f"{readable(path)}: it is there twice with different content, the other time in {member.archive} as "
                f"{member.name}. Take one of the two away."
            )
    return chosen


def _unpack(folder: Path, files: Mapping[Key, Member | Path], compute: ComputeParams) -> None:
    """Write the files where the data set's layout has them; names in archives decide no path."""
    places = {"mesh": teeth3ds.mesh_path, "labels": teeth3ds.labels_path, "landmarks": teeth3ds.landmarks_path}
    sizes = (file.stat().st_size if isinstance(file, Path) else file.size for file in files.values())
    require_space(folder, sum(sizes), "what is unpacked of Teeth3DS")
    targets: dict[Path, dict[str, Path]] = {}
    copies: list[tuple[Path, Path]] = []
    for (kind, name, jaw), file in files.items():
        target = folder / teeth3ds.SPLITS_FOLDER / name if kind == "split" else places[kind](folder, name, jaw)
        if isinstance(file, Path):
            copies.append((file, target))
        else:
            targets.setdefault(file.archive, {})[file.name] = target
    tasks = [_Archive(archive, files) for archive, files in targets.items()]
    for _ in map_ordered(_unpack_one, tasks, compute=compute, what="unpacking archives") if tasks else ():
        pass
    for own, target in track(copies, len(copies), "copying files") if copies else ():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own, target)


@dataclass(frozen=True)
class _Archive:
    path: Path
    targets: dict[str, Path]


def _unpack_one(archive: _Archive) -> None:
    with deleted_if_bad(archive.path):
        extract(archive.path, archive.targets)


def _splits(folder: Path, cases: Sequence[Case], jaws: Sequence[str], supply: Supply) -> dict[str, str]:
    """The split of each patient, "train" or "test", so that no patient's two jaws part.

    The data set splits upper and lower jaws apart, and 191 patients have the upper in train and the lower in test.
    Where both are taken, the upper's split holds for the lower too. Scans in no split file (the uppers of the
    3DTeethLand challenge's test set, which have no labels) are for testing.
    """
    paths = {(split, jaw): teeth3ds.split_path(folder, split, jaw) for split in teeth3ds.SPLIT_FILES for jaw in jaws}
    missing = [file for file in SPLITS if any(path.name == file.name for path in paths.values() if not path.exists())]
    for source in supply.files(missing):
        with deleted_if_bad(source):
            teeth3ds.read_split(source)
        target = folder / teeth3ds.SPLITS_FOLDER / source.name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
    listed: dict[Case, str] = {}
    for (split, _), path in paths.items():
        for case in teeth3ds.read_split(path):
            if listed.setdefault(case, split) != split:
                raise UserError(
                    f"{path}: {case[0]}_{case[1]} is in the other split file too. Get the split files again."
                )
    # In order, "upper" comes after "lower" and so has the last word.
    return {patient: listed.get((patient, jaw), "test") for patient, jaw in sorted(cases)}
