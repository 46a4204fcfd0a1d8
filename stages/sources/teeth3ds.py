"""The Teeth3DS(+) scans: its archives from the network or a user's folder, and out of them what is asked for."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scans.cases.manifest import Manifest, RawCase
from scans.errors import UserError
from scans.fetching.archives import Member, extract, list_members
from scans.fetching.checksums import ChecksumLock
from scans.files import require_space
from scans.teeth3ds import layout as teeth3ds
from scans.teeth3ds.published import (
    JAWS,
    LANDMARKS,
    LICENSE,
    ORIGIN,
    SAMPLE,
    SCANS,
    SPLITS,
    UNPACKED_PER_PACKED,
    PublishedFile,
    recognise,
)
from stages.params.tree import ComputeParams, Params, Teeth3DSParams
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import say, track, transfer
from stages.runtime.workspace import HIDDEN

DOWNLOADS = HIDDEN / "downloads"
# Beside params.yaml, for Git to keep: what was learned on one machine then holds on all others, and for all time. It is
# no dep and no output of the stage: learning makes nothing stale, and DVC doesn't delete it before a run.
LOCK = Path("teeth3ds.lock.json")

Case = tuple[str, str]  # patient, jaw


def fill(folder: Path, params: Params) -> Manifest:
    """Unpack the chosen jaws into the folder, in the data set's layout.

    Raises:
        UserError: an archive can't be had or used, the disk is too small, or no scan of the chosen jaws is there.
    """
    source = params.download.teeth3ds
    whole = params.download.source == "teeth3ds"
    jaws = JAWS if source.jaws == "both" else (source.jaws,)
    supply = _Supply(source, params.compute.connections)
    wanted = SCANS if whole else SAMPLE
    archives = supply.files([*wanted, *(LANDMARKS if source.landmarks else ())], kept=len(jaws) / len(JAWS))
    members = _choose(archives, jaws, source.landmarks)
    cases = sorted((patient, jaw) for kind, patient, jaw in members if kind == "mesh")
    if not cases:
        raise UserError(f"{', '.join(map(str, archives))}: no scan with jaw {source.jaws} is in there.")
    # Labels and landmarks whose scan isn't there stay packed.
    scans = set(cases)
    chosen = {key: member for key, member in members.items() if key[0] == "split" or key[1:] in scans}
    _unpack(folder, chosen, params.compute)
    split_of = _splits(folder, cases, jaws, supply) if whole else {}
    supply.lock.save()
    raw = [
        RawCase(
            f"{patient}_{jaw}",
            str(teeth3ds.mesh_path(Path(), patient, jaw)),
            str(teeth3ds.labels_path(Path(), patient, jaw)) if ("labels", patient, jaw) in chosen else None,
            split_of.get(patient),
            jaw=jaw,
            patient=patient,
            landmarks=str(teeth3ds.landmarks_path(Path(), patient, jaw))
            if ("landmarks", patient, jaw) in chosen
            else None,
        )
        for patient, jaw in cases
    ]
    say(f"teeth3ds: {len(raw)} scans, {sum(case.labels is None for case in raw)} of them without labels")
    return Manifest(raw, ORIGIN.format(cases=len(raw)), LICENSE)


def discard_downloads() -> None:
    """Delete the downloaded archives, once what was wanted of them stands in data/scans."""
    shutil.rmtree(DOWNLOADS, ignore_errors=True)


class _Supply:
    """Files of the data set: the user's own where they lie in `download.teeth3ds.archives`, else downloaded."""

    def __init__(self, source: Teeth3DSParams, connections: int):
        self.lock = ChecksumLock(LOCK, {file.name: file.md5 for file in SCANS if file.md5})
        self._source = source
        self._connections = connections
        self._own = Path(source.archives) if source.archives else None
        if self._own and not self._own.is_dir():
            raise UserError(
                f"{self._own}: no such folder. Set download.teeth3ds.archives in params.yaml to the folder with your "
                'archives, or to "" to download them.'
            )
        if self._own and self._own.resolve().is_relative_to(HIDDEN.resolve()):
            raise UserError(f"{self._own}: Tenview deletes what lies there. Keep your archives in another folder.")

    def files(self, wanted: Sequence[PublishedFile], kept: float = 0.0) -> list[Path]:
        """Paths of the files, all there and checked.

        Args:
            kept: share of the archives' content that will be unpacked.
        """
        paths = [self._find(file) for file in wanted]
        missing = [(file, path) for file, path in zip(wanted, paths, strict=True) if not path.exists()]
        there = [(file, path) for file, path in zip(wanted, paths, strict=True) if path.exists()]
        for file, path in track(there, len(there), "checking files") if there else ():
            with _deleted_if_bad(path):
                self.lock.check(file.name, path)
        if missing:
            DOWNLOADS.mkdir(parents=True, exist_ok=True)
            parts = sum(path.stat().st_size for path in DOWNLOADS.glob("*.part"))
            archives = sum(file.size for file, _ in missing)
            unpacked = kept * UNPACKED_PER_PACKED * sum(file.size for file in wanted)
            require_space(DOWNLOADS, round(archives - parts + unpacked), "Teeth3DS with what is unpacked of it")
            self._download(missing)
        return paths

    def _find(self, file: PublishedFile) -> Path:
        own = sorted(path for path in self._own.rglob(file.name) if path.is_file()) if self._own else []
        return own[0] if own else DOWNLOADS / file.name

    def _download(self, missing: Sequence[tuple[PublishedFile, Path]]) -> None:
        from scans.fetching.fetch import Remote, fetch

        remotes = [
            Remote(
                self._source.url.replace("{id}", file.id),
                path,
                file.size,
                self.lock.size(file.name),
                partial(self.lock.check, file.name),
            )
            for file, path in missing
        ]
        names = ", ".join(file.name for file, _ in missing)
        by_hand = (
            f"By hand: get {names} from https://osf.io/xctdy or from someone who has them, put them into a folder and "
            "name it in download.teeth3ds.archives of params.yaml."
        )
        with transfer("downloading") as show:
            fetch(remotes, connections=self._connections, show=show, tell=say, otherwise=by_hand)


def _choose(archives: Sequence[Path], jaws: Sequence[str], landmarks: bool) -> dict[tuple[str, str, str], Member]:
    """The files to unpack, by (kind, patient, jaw), and the split files by ("split", name, "")."""
    kinds = {"mesh", "labels", *(["landmarks"] if landmarks else [])}
    split_names = {file.name for file in SPLITS}

    def key_of(name: str) -> tuple[str, str, str] | None:
        base = name.replace("\\", "/").rpartition("/")[2]
        if base in split_names:
            return ("split", base, "")
        key = recognise(base)
        return key if key and key[0] in kinds and key[2] in jaws else None

    members: dict[tuple[str, str, str], Member] = {}
    for archive in archives:
        with _deleted_if_bad(archive):
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


def _unpack(folder: Path, members: dict[tuple[str, str, str], Member], compute: ComputeParams) -> None:
    """Write the files where the data set's layout has them; names in archives decide no path."""
    places = {"mesh": teeth3ds.mesh_path, "labels": teeth3ds.labels_path, "landmarks": teeth3ds.landmarks_path}
    require_space(folder, sum(member.size for member in members.values()), "what is unpacked of Teeth3DS")
    targets: dict[Path, dict[str, Path]] = {}
    for (kind, name, jaw), member in members.items():
        target = folder / teeth3ds.SPLITS_FOLDER / name if kind == "split" else places[kind](folder, name, jaw)
        targets.setdefault(member.archive, {})[member.name] = target
    tasks = [_Archive(archive, files) for archive, files in targets.items()]
    for _ in map_ordered(_unpack_one, tasks, compute=compute, what="unpacking archives"):
        pass


@dataclass(frozen=True)
class _Archive:
    path: Path
    targets: dict[str, Path]


def _unpack_one(archive: _Archive) -> None:
    with _deleted_if_bad(archive.path):
        extract(archive.path, archive.targets)


@contextmanager
def _deleted_if_bad(path: Path) -> Iterator[None]:
    """A downloaded file that proves bad goes; a user's own is never touched."""
    try:
        yield
    except UserError as error:
        if path.parent != DOWNLOADS:
            raise
        path.unlink(missing_ok=True)
        raise UserError(f"{error} It is deleted here, so that the next run fetches it anew.") from None


def _splits(folder: Path, cases: Sequence[Case], jaws: Sequence[str], supply: _Supply) -> dict[str, str]:
    """The split of each patient, "train" or "test", so that no patient's two jaws part.

    The data set splits upper and lower jaws apart, and 191 patients have the upper in train and the lower in test.
    Where both are taken, the upper's split holds for the lower too. Scans in no split file (the uppers of the
    3DTeethLand challenge's test set, which have no labels) are for testing.
    """
    paths = {(split, jaw): teeth3ds.split_path(folder, split, jaw) for split in teeth3ds.SPLIT_FILES for jaw in jaws}
    missing = [file for file in SPLITS if any(path.name == file.name for path in paths.values() if not path.exists())]
    for source in supply.files(missing):
        with _deleted_if_bad(source):
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
