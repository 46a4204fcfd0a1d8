"""What was dropped on the page: checked, zip archives unpacked, and sorted into jaws.

Files are kept under names of our own. Their paths on the user's disk are text that is shown, and nothing else.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from scans.cases.naming import readable
from scans.cases.walk import LITTER
from scans.errors import UserError
from scans.fetching.archives import LARGEST_MEMBER, SMALL, extract, list_members
from scans.files import require_space
from stages.prediction.picture_file import KINDS, SUFFIXES, check_header
from stages.prediction.picture_folder import CAMERAS
from stages.prediction.view_names import view_number

LARGEST_FILE = LARGEST_MEMBER
LARGEST_DROP = 2 << 30  # bytes, packed and unpacked
MOST_FILES = 2000
MOST_JAWS = 200
MOST_SHOWN = 5  # names of files that are left out
LONGEST_NAME = 80  # characters of a name that is shown
# As in scans.mesh_files.read, which takes seconds to load; a test compares the two.
SCANS = (".obj", ".ply", ".stl", ".off", ".vtp", ".glb")
JAW = "jaw"  # the name of a jaw's folder of pictures, or of its scan


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file: where it is kept, and the path that it had, with forward slashes."""

    kept: Path
    name: PurePosixPath


@dataclass(frozen=True, slots=True)
class Jaw:
    """What belongs to one jaw.

    Attributes:
        name: shown to the user.
        files: by the path below the case's folder. contents: the same for files that are written anew.
        notes: what was guessed.
    """

    name: str
    files: dict[str, Dropped]
    contents: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def is_scan(self) -> bool:
        """Whether it is a scan, not pictures."""
        return not any("/" in path for path in self.files)


def shown(name: object) -> str:
    """A name from elsewhere as one short line of text."""
    text = readable(str(name))
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def unpacked(dropped: Sequence[Dropped], folder: Path) -> list[Dropped]:
    """The files, with those of zip archives in place of the archives; they are unpacked into `folder`.

    Raises:
        UserError: an archive is damaged, hostile or too large.
    """
    found: list[Dropped] = []
    for each in dropped:
        if each.name.suffix.lower() != ".zip":
            found.append(each)
            continue
        try:
            found += _unpacked(each, folder, MOST_FILES - len(found))
        except UserError as error:
            raise UserError(str(error).replace(str(each.kept), shown(each.name.name))) from None
        each.kept.unlink()
    return found


def _unpacked(archive: Dropped, folder: Path, most: int) -> Iterator[Dropped]:
    members = list_members(archive.kept, _is_wanted)
    size = sum(member.size for member in members)
    if size > LARGEST_DROP or len(members) > most:
        raise UserError(
            f"{archive.kept}: {len(members)} files of {size / 1e6:.0f} MB in all. Drop at most {MOST_FILES} files of "
            f"{LARGEST_DROP / 1e6:.0f} MB at once"
        )
    if not members:
        raise UserError(f"{archive.kept}: holds no {KINDS} picture and no scan ({', '.join(SCANS)})")
    require_space(folder, size, "what the archive holds")
    targets = {member.name: folder / f"{archive.kept.name}-{number}" for number, member in enumerate(members)}
    extract(archive.kept, targets)
    inside = archive.name.with_suffix("")
    for name, target in targets.items():
        yield Dropped(target, inside / name.replace("\\", "/"))


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part.lower() in LITTER for part in path.parts)
    return not hidden and path.suffix.lower() in (*SUFFIXES, *SCANS, ".json")


def sort_out(dropped: Iterable[Dropped]) -> list[Jaw]:
    """The jaws among files: the pictures of each folder are one, each scan is another.

    In a folder with scans, only those pictures count that are named as views.

    Raises:
        UserError: there is none, or there are too many; a picture is none, or too large; a view or scan is there twice.
    """
    folders: dict[PurePosixPath, list[Dropped]] = {}
    others: dict[PurePosixPath, list[str]] = {}
    for each in sorted(dropped, key=lambda each: _natural(str(each.name))):
        if _is_wanted(str(each.name)):
            folders.setdefault(each.name.parent, []).append(each)
        elif not each.name.name.startswith("."):
            others.setdefault(each.name.parent, []).append(shown(each.name.name))
    jaws: list[Jaw] = []
    for folder, files in folders.items():
        first = len(jaws)
        scans = [each for each in files if each.name.suffix.lower() in SCANS]
        pictures = [each for each in files if each.name.suffix.lower() in SUFFIXES]
        if scans:  # beside a scan, pictures of other names are its textures or previews
            pictures = [each for each in pictures if view_number(each.name.name) is not None]
        if pictures:
            cameras = next((each for each in files if each.name.name.lower() == CAMERAS), None)
            jaws.append(_pictures(folder, pictures, cameras))
        first_of: dict[str, Dropped] = {}
        for each in scans:
            if (twin := first_of.setdefault(each.name.stem.lower(), each)) is not each:
                names = f"{shown(twin.name.name)} and {shown(each.name.name)}"
                raise UserError(f"{names}: one scan in two formats. Take one away")
        jaws += [_scan(each, files) for each in scans]
        if left := others.get(folder):
            listed = ", ".join(left[:MOST_SHOWN]) + " …" * (len(left) > MOST_SHOWN)
            for jaw in jaws[first:]:
                jaw.notes.append(f"left out, not read here: {listed}")
    if not jaws:
        raise UserError(
            f"no {KINDS} picture and no scan ({', '.join(SCANS)}) is among these files. Export pictures as PNG"
        )
    if len(jaws) > MOST_JAWS:
        raise UserError(f"{len(jaws)} jaws at once. Drop at most {MOST_JAWS}")
    return jaws


def _natural(text: str) -> list[tuple[int, str]]:
    """Sorts IMG_2 before IMG_10."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _pictures(folder: PurePosixPath, pictures: list[Dropped], cameras: Dropped | None) -> Jaw:
    for each in pictures:
        check_header(each.kept, shown(each.name.name))
    jaw = Jaw(shown(folder.name or f"{len(pictures)} picture{'s' * (len(pictures) > 1)}"), {})
    named = {each: number for each in pictures if (number := view_number(each.name.name)) is not None}
    if not named:
        named = _in_order(pictures, cameras, jaw)
        cameras = None
    elif left := [shown(each.name.name) for each in pictures if each not in named]:
        jaw.notes.append(f"left out, not named as a view: {', '.join(left)}")
    for each, number in named.items():
        path = f"{JAW}/view_{number:02d}{each.name.suffix.lower()}"
        if path in jaw.files:
            raise UserError(f"{shown(each.name.name)}: view {number} is there twice. Take one away")
        jaw.files[path] = each
    if cameras:
        jaw.files[f"{JAW}/{CAMERAS}"] = cameras
    return jaw


def _in_order(pictures: list[Dropped], cameras: Dropped | None, jaw: Jaw) -> dict[Dropped, int]:
    """The numbers of pictures with names of any kind: by the cameras' order, or else by the names'."""
    ordered = pictures
    if cameras:
        content = _cameras_of(pictures, cameras)
        by_name = {each.name.name: each for each in pictures}
        ordered = [by_name[PurePosixPath(frame["file_path"]).name] for frame in content["frames"]]
        for number, frame in enumerate(content["frames"]):
            frame["file_path"] = f"view_{number:02d}"
        jaw.contents[f"{JAW}/{CAMERAS}"] = json.dumps(content)
        if left := [shown(each.name.name) for each in pictures if each not in ordered]:
            jaw.notes.append(f"left out, not in {CAMERAS}: {', '.join(left)}")
    taken = ", ".join(f"{shown(each.name.name)} as view {number}" for number, each in enumerate(ordered))
    jaw.notes.append(f"the pictures are taken in the order of their {'cameras' if cameras else 'names'}: {taken}")
    return {each: number for number, each in enumerate(ordered)}


def _cameras_of(pictures: list[Dropped], cameras: Dropped) -> dict:
    """The content of a camera file whose frames each name one of the pictures.

    Raises:
        UserError: it is malformed.
    """
    names = {each.name.name for each in pictures}
    try:
        if cameras.kept.stat().st_size > SMALL:
            raise ValueError("too large")
        content = json.loads(cameras.kept.read_bytes())
        content["frames"] = [each for each in content["frames"] if PurePosixPath(each["file_path"]).name in names]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UserError(f"{CAMERAS}: no list of frames with file_path. Export it again, or take it away") from None
    if not content["frames"]:
        raise UserError(f"{CAMERAS}: none of its frames names one of the pictures. Write their names as file_path")
    return content


def _scan(scan: Dropped, files: list[Dropped]) -> Jaw:
    """A scan with its labels, which have its name and the suffix .json."""
    stem = scan.name.stem.lower()
    labels = next((each for each in files if each.name.name.lower() == f"{stem}.json"), None)
    kept = {f"{JAW}{scan.name.suffix.lower()}": scan} | ({f"{JAW}.json": labels} if labels else {})
    return Jaw(shown(scan.name.stem), kept)
