"""A folder with the pictures of one jaw: view_00 … view_09 in any usual format and size, checked."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from scans.cameras import Camera

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
CAMERAS = "transforms.json"
LEAST_SHOWN, MOST_SHOWN = 0.01, 0.9  # share of a picture's pixels that the jaw fills
ASPECT = 0.02  # by which the shapes of a picture and of its camera may differ


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a jaw as a network takes them.

    Attributes:
        case: the folder's name.
        views: (V, H, W) or (V, H, W, 3) uint8, 0 where absent. view_mask: (V,) bool. cameras: (V, 23) float64.
        files: SHA-256 by file name, of all that was read.
        warnings: what is unusual about them.
    """

    case: str
    views: "np.ndarray"
    view_mask: "np.ndarray"
    cameras: "np.ndarray"
    files: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_pictures(
    folder: Path, rig: "Sequence[Camera]", missing: Collection[int] | None, *, colour: bool, background: int
) -> Pictures:
    """Read and check the pictures of a folder.

    Args:
        rig: the cameras that hold where the folder has no transforms.json, with the picture size of the network.
        missing: numbers of the views that the folder lacks; None takes what is there.
        colour: whether the network has seen colour; else pictures become grey.
        background: grey value that the network's pictures have around the jaw.

    Raises:
        UserError: no such folder; a view is missing, there twice, beyond the rig or named as missing; a picture is
            unreadable, blank, of another shape than its camera's, or the same as another; transforms.json is malformed.
    """
    import numpy as np

    from scans.cameras import camera_array

    paths = _view_paths(folder, len(rig))
    _check_count(folder, paths, len(rig), missing)
    files: dict[str, str] = {}
    if (folder / CAMERAS).is_file():
        files[CAMERAS] = hashlib.sha256((folder / CAMERAS).read_bytes()).hexdigest()
        rig = _folder_cameras(folder / CAMERAS, rig, paths)
    height, width = rig[0].height, rig[0].width
    views = np.zeros((len(rig), height, width, *([3] if colour else [])), np.uint8)
    warnings: list[str] = []
    for number, path in sorted(paths.items()):
        picture, files[path.name] = _read_picture(path, colour=colour, background=background)
        if twin := next((name for name in files if name != path.name and files[name] == files[path.name]), None):
            raise UserError(f"{path}: the same picture as {twin}. Put the picture of view {number} there")
        _check_shape(path, picture, width / height)
        warnings += _check_content(path, picture, background, height)
        views[number] = _resized(picture, height, width)
    view_mask = np.array([number in paths for number in range(len(rig))])
    return Pictures(folder.resolve().name, views, view_mask, camera_array(rig), files, warnings)


def _view_paths(folder: Path, count: int) -> dict[int, Path]:
    """The file of each view that is there."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Name a folder with view_00.png … view_{count - 1:02d}.png")
    paths: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        name = re.fullmatch(r"view_(\d+)", path.stem)
        if name is None or path.suffix.lower() not in SUFFIXES:
            continue
        number = int(name[1])
        if number >= count:
            raise UserError(f"{path}: the model knows the views 0 to {count - 1}. Take it away, or rename it")
        if number in paths:
            raise UserError(f"{path}: view {number} is there twice, see {paths[number].name}. Take one away")
        paths[number] = path
    return paths


def _check_count(folder: Path, paths: Collection[int], count: int, missing: Collection[int] | None) -> None:
    if not paths:
        raise UserError(
            f"{folder}: holds no picture. Name them view_00 … view_{count - 1:02d}, as {', '.join(SUFFIXES)}"
        )
    if missing is None:
        return
    absent = [number for number in range(count) if number not in paths]
    if unnamed := [number for number in absent if number not in missing]:
        names = ", ".join(f"view_{number:02d}" for number in unnamed)
        option = ",".join(map(str, absent))
        raise UserError(
            f"{folder}: {len(paths)} of {count} pictures; {names} not found. Add them, or say so: --missing {option}"
        )
    if named := [number for number in missing if number in paths]:
        raise UserError(f"{folder}: view {named[0]} is named as missing, but it is there. Take one of the two back")


def _folder_cameras(path: Path, rig: "Sequence[Camera]", views: Collection[int]) -> "list[Camera]":
    """The cameras of a transforms.json in the order of the views, by the frames' file names where they have such."""
    from renderers.rigs.rig_files import read_rig

    cameras = read_rig(path, image_size=rig[0].height)
    frames: list[Any] = json.loads(path.read_text(encoding="utf-8-sig"))["frames"]
    stems = [re.fullmatch(r"view_(\d+)", Path(str(frame.get("file_path", ""))).stem) for frame in frames]
    numbers = [int(stem[1]) for stem in stems if stem] if all(stems) else list(range(len(frames)))
    if len(set(numbers)) != len(numbers) or max(numbers) >= len(rig):
        raise UserError(
            f"{path}: its frames are the views {numbers}; expected each of 0 to {len(rig) - 1} at most once"
        )
    by_number = dict(zip(numbers, cameras, strict=True))
    if without := sorted(set(views) - set(numbers)):
        raise UserError(f"{path}: no frame for view {without[0]}. Add one, or take the picture away")
    # A camera of a view that is absent is never looked through.
    return [by_number.get(number, cameras[0]) for number in range(len(rig))]


def _read_picture(path: Path, *, colour: bool, background: int) -> "tuple[np.ndarray, str]":
    """A picture as (H, W) or (H, W, 3) RGB uint8, turned as its EXIF data say, and its content's SHA-256."""
    import cv2
    import numpy as np

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}). Check the permissions and the disk") from None
    raw = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if len(raw) else None
        if image is not None and not (image.ndim == 3 and image.shape[2] == 4):
            image = cv2.imdecode(raw, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        image = None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{path}: no readable PNG, JPEG, WebP or TIFF picture of 8 or 16 bits. Get or export it again")
    if image.dtype == np.uint16:
        image = (image / 257).round().astype(np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:  # what is transparent shows the background
        alpha = image[:, :, 3:] / 255
        image = (image[:, :, :3] * alpha + background * (1 - alpha)).round().astype(np.uint8)
    if colour:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)
    elif image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return image, hashlib.sha256(data).hexdigest()


def _check_shape(path: Path, picture: "np.ndarray", aspect: float) -> None:
    height, width = picture.shape[:2]
    if abs(width / height / aspect - 1) > ASPECT:
        made = "square ones" if aspect == 1 else f"ones {aspect:.3g} times as wide as high"
        raise UserError(
            f"{path}: a picture of {width} × {height}, where the cameras make {made}. Cut it to that around the jaw's "
            f"middle, or put a {CAMERAS} with its camera beside it"
        )


def _check_content(path: Path, picture: "np.ndarray", background: int, rows: int) -> list[str]:
    """Warnings about a picture.

    Raises:
        UserError: it is blank.
    """
    import numpy as np

    from model.metrics.plausibility import CONTRAST, background_of, foreground

    share = float(foreground(picture).mean())
    if share < LEAST_SHOWN:
        raise UserError(f"{path}: blank, {share:.1%} of it differ from its background. Take the picture again")
    warnings = []
    if share > MOST_SHOWN:
        warnings.append(f"{path.name}: the jaw can't be told from the background; cut it out")
    if np.abs(background_of(picture).astype(int) - background).max() > CONTRAST:
        found = np.atleast_1d(background_of(picture)).tolist()
        warnings.append(f"{path.name}: its background is {found}, and the model has seen {background} (0 to 255)")
    if picture.shape[0] < rows / 2:
        warnings.append(f"{path.name}: {picture.shape[0]} rows, and the model sees {rows}")
    return warnings


def _resized(picture: "np.ndarray", height: int, width: int) -> "np.ndarray":
    import cv2

    way = cv2.INTER_AREA if picture.shape[0] > height else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=way)
