"""Files of Teeth3DS(+): the user's own where they lie in `download.teeth3ds.archives`, else downloaded and checked."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scans.errors import UserError
from scans.fetching.checksums import ChecksumLock
from scans.files import require_space
from scans.teeth3ds.own_files import OwnFiles, own_files
from scans.teeth3ds.published import (
    GONE,
    NODES,
    PAGE,
    SPLITS,
    UNPACKED_PER_PACKED,
    PublishedFile,
)
from stages.params.tree import Teeth3DSParams
from stages.runtime.progress import say, track, transfer
from stages.runtime.workspace import HIDDEN
from stages.sources.left_out import tell
from stages.sources.own_folder import refuse_outputs

DOWNLOADS = HIDDEN / "downloads"
# Beside params.yaml, for Git to keep: what was learned on one machine then holds on all others, and for all time. It is
# no dep and no output of the stage: learning makes nothing stale, and DVC doesn't delete it before a run.
LOCK = Path("teeth3ds.lock.json")


class Supply:
    """The data set's files on this machine.

    Attributes:
        own: what the user's folder holds.
        lock: checksums, known and learned; to be saved once the files have proved to be what they should.
    """

    def __init__(self, source: Teeth3DSParams, connections: int, known_md5: Mapping[str, str]):
        self.lock = ChecksumLock(LOCK, known_md5)
        self._source = source
        self._connections = connections
        self.own = _own("archives", source.archives)

    def archives(self, wanted: Sequence[PublishedFile], *, download: bool, kept: float) -> list[Path]:
        """Published archives, checked.

        Args:
            download: whether to get what the user's folder lacks.
            kept: share of the archives' content that will be unpacked.
        """
        if download:
            return self.files(wanted, kept)
        there = [file for file in wanted if file.name.lower() in self.own.archives]
        if absent := [file.name for file in wanted if file not in there]:
            say(f"teeth3ds: what {self._source.archives} holds is taken; not downloaded: {', '.join(absent)}")
        return self.files(there, kept)

    def files(self, wanted: Sequence[PublishedFile], kept: float = 0.0) -> list[Path]:
        """Paths of the files, all there and checked.

        Args:
            kept: share of the archives' content that will be unpacked.
        """
        paths = [self._find(file) for file in wanted]
        missing = [(file, path) for file, path in zip(wanted, paths, strict=True) if not path.exists()]
        there = [(file, path) for file, path in zip(wanted, paths, strict=True) if path.exists()]
        for file, path in track(there, len(there), "checking files") if there else ():
            with deleted_if_bad(path):
                self.lock.check(file.name, path)
        if missing:
            if "osf.io" in self._source.url:
                say(f"teeth3ds: trying to download; {GONE}. docs/data.md tells what to do then")
            DOWNLOADS.mkdir(parents=True, exist_ok=True)
            parts = sum(path.stat().st_size for path in DOWNLOADS.glob("*.part"))
            archives = sum(file.size for file, _ in missing)
            unpacked = kept * UNPACKED_PER_PACKED * sum(file.size for file in wanted)
            require_space(DOWNLOADS, round(archives - parts + unpacked), "Teeth3DS with what is unpacked of it")
            self._download(missing)
        return paths

    def _find(self, file: PublishedFile) -> Path:
        name = file.name.lower()
        return self.own.archives.get(name) or self.own.splits.get(name) or DOWNLOADS / file.name

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
        with transfer("downloading") as show:
            otherwise = _by_hand([file for file, _ in missing])
            fetch(remotes, connections=self._connections, show=show, tell=say, otherwise=otherwise)


def label_files(folder: str) -> OwnFiles:
    """The label files in the folder of `download.teeth3ds.labels`; none where it is ""."""
    found = _own("labels", folder)
    if folder and not any(kind == "labels" for kind, _, _ in found.unpacked):
        raise UserError(f"{folder}: holds no label file. They are named <ID>_upper.json or <ID>_lower.json.")
    return found


def discard_downloads() -> None:
    """Delete the downloaded archives, once what was wanted of them stands in data/scans."""
    shutil.rmtree(DOWNLOADS, ignore_errors=True)


@contextmanager
def deleted_if_bad(path: Path) -> Iterator[None]:
    """A downloaded file that proves bad goes; a user's own is never touched."""
    try:
        yield
    except UserError as error:
        if path.parent != DOWNLOADS:
            raise
        path.unlink(missing_ok=True)
        raise UserError(f"{error} It is deleted here, so that the next run fetches it anew.") from None


def _own(param: str, name: str) -> OwnFiles:
    if not name:
        return OwnFiles()
    folder = Path(name)
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder. Set download.teeth3ds.{param} in params.yaml to the folder with your {param}, "
            f'or to "" to download them.'
        )
    refuse_outputs(folder, param)
    found = own_files(folder)
    tell(found.left_out, folder)
    return found


def _by_hand(files: Sequence[PublishedFile]) -> str:
    names = ", ".join(file.name for file in files)
    by_hand = (
        f"By hand: get {names} from {PAGE}, that is {NODES}, or from someone who has them, put them, or the unpacked "
        "scans, into a folder and name it in download.teeth3ds.archives of params.yaml. docs/data.md names other sets."
    )
    if set(files) <= set(SPLITS):
        by_hand += " Without split files, take the unpacked scans by download.source: directory."
    return by_hand
