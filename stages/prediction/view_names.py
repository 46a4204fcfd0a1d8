"""Which view a picture or a camera is of, by its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scans.cases.naming import readable
from scans.errors import UserError
from stages.prediction.picture_file import SUFFIXES, what_it_is

SHOWN = 5  # names in a line


@dataclass
class PictureNames:
    """What lies in a folder of pictures.

    Attributes:
        pictures: file by view number.
        offset: number in the name of view 0's picture: 1 where people count from one.
        unread: other files that are named as a view's picture, with what they are.
        others: names of all else.
        cameras: the file of the cameras, where there is one.
        warnings: what was guessed or is left out.
    """

    pictures: dict[int, Path] = field(default_factory=dict)
    offset: int = 0
    unread: list[tuple[Path, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    cameras: Path | None = None
    warnings: list[str] = field(default_factory=list)


def view_number(name: str) -> int | None:
    """The number in a name such as view_03.png, View-3.JPG or view_03.png.png; None where it is no view's."""
    stem = name
    while Path(stem).suffix.lower() in SUFFIXES:
        stem = Path(stem).stem
    match = re.fullmatch(r"view[ _-]?(\d{1,6})", stem, re.IGNORECASE)
    return int(match[1]) if match else None


def names_in(folder: Path, count: int, cameras: str) -> PictureNames:
    """Find the pictures of a folder.

    Args:
        count: views that the model knows.
        cameras: name of the file with the cameras.

    Raises:
        UserError: no such folder; a view is there twice, or is none of the model's.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Name a folder with view_00.png … view_{count - 1:02d}.png")
    found = PictureNames()
    numbers: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        number = view_number(path.name) if path.suffix.lower() in SUFFIXES else view_number(path.stem)
        if path.name.lower() == cameras and path.is_file() and found.cameras is None:
            found.cameras = path
        elif number is None or not path.is_file():
            found.others.append(readable(path.name) + ("/" if path.is_dir() else ""))
        elif path.suffix.lower() not in SUFFIXES:
            with open(path, "rb") as file:
                what = what_it_is(file.read(256)) or f"a {path.suffix or 'nameless'} file"
            found.unread.append((path, what))
        elif number in numbers:
            raise UserError(f"{path}: view {number} is there twice, see {numbers[number].name}. Take one away")
        else:
            numbers[number] = path
    if set(numbers) == set(range(1, count + 1)):
        found.offset = 1
        found.warnings.append(f"the pictures are numbered from 1: {numbers[1].name} is taken as view 0, and so on")
    for number, path in numbers.items():
        if number - found.offset >= count:
            raise UserError(
                f"{path}: the model knows the views 0 to {count - 1}. Take it away, or rename it; if yours are "
                "numbered from 1, rename them from view_00 on"
            )
    found.pictures = {number - found.offset: path for number, path in numbers.items()}
    left = [*found.others, *(readable(path.name) for path, _ in found.unread)]
    if left and found.pictures:
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        found.warnings.append(f"left out, no picture of a view: {', '.join(left[:SHOWN])}{more}")
    return found


def frames_of_views(
    path: Path, file_paths: Sequence[object], names: PictureNames, count: int, warnings: list[str]
) -> dict[int, int]:
    """Which frame of a camera file belongs to each view, by the file names in the frames.

    Where no frame names a file, the frames are the views in order, and a warning says so. Frames of other pictures are
    left out with a warning.

    Args:
        path: the camera file.
        file_paths: of each frame; None or "" where it has none.
        count: views that the model knows.

    Returns:
        number of the frame by view number.

    Raises:
        UserError: a picture has no frame, or a view has two.
    """
    if not any(file_paths):
        if len(file_paths) != count:
            raise UserError(
                f"{path}: {len(file_paths)} frames without file_path for {count} views. Give each frame the name of "
                "its picture as file_path"
            )
        warnings.append(f"{path.name}: no frame has a file_path; they are taken as views 0 to {count - 1} in order")
        return {number: number for number in range(count)}
    frames: dict[int, int] = {}
    stray = []
    for frame, file_path in enumerate(file_paths):
        number = view_number(re.split(r"[\\/]", str(file_path or ""))[-1])
        view = -1 if number is None else number - names.offset
        if not 0 <= view < count:
            stray.append(readable(str(file_path)))
        elif view in frames:
            raise UserError(f"{path}: frames {frames[view]} and {frame} are both of view {view}. Take one away")
        else:
            frames[view] = frame
    listed = ", ".join(stray[:SHOWN]) + (f" and {len(stray) - SHOWN} more" if len(stray) > SHOWN else "")
    if without := sorted(set(names.pictures) - set(frames)):
        others = f"; {listed} would be of no picture here" if stray else ""
        raise UserError(
            f"{path}: no frame for {names.pictures[without[0]].name}{others}. Call the pictures in file_path as "
            "they are called in the folder, or take the picture away"
        )
    if stray:
        warnings.append(f"{path.name}: left out, frames of no view: {listed}")
    return frames
