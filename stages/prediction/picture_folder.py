"""A folder with the pictures of one jaw: view_00 … view_09 in any usual format and size, checked."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError
from stages.params.tree import RenderParams
from stages.prediction.picture_file import read_picture
from stages.prediction.view_names import PictureNames, frames_of_views, names_in

if TYPE_CHECKING:
    import numpy as np

    from scans.cameras import Camera

CAMERAS = "transforms.json"
LEAST_SHOWN, MOST_SHOWN = 0.01, 0.9  # share of a picture's pixels that the jaw fills
ASPECT = 0.02  # by which the shapes of a picture and of its camera may differ


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a jaw as a network takes them.

    Attributes:
        case: the jaw's name.
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
    folder: Path, case: str, rig: "Sequence[Camera]", missing: Collection[int] | None, render: RenderParams
) -> Pictures:
    """Read and check the pictures of a folder; with `render.crop`, crop them to the jaw's silhouette.

    Args:
        case: the jaw's name.
        rig: the cameras that hold where the folder has no transforms.json, with the picture size of the network.
        missing: numbers of the views that the folder lacks; None takes what is there.
        render: how the network's pictures were made: in colour or grey, on which background, cropped or not.

    Raises:
        UserError: no such folder; a view is missing, there twice, beyond the rig or named as missing; a picture is
            unreadable, blank, of another shape than its camera's, or the same as another; transforms.json is malformed.
    """
    names = names_in(folder, len(rig), CAMERAS)
    _check_count(folder, names, len(rig), missing)
    warnings = list(names.warnings)
    files: dict[str, str] = {}
    if names.cameras:
        files[CAMERAS] = hashlib.sha256(names.cameras.read_bytes()).hexdigest()
        rig = _folder_cameras(names, rig, warnings)

    def read() -> "Iterator[tuple[int, Path, np.ndarray]]":
        for number, path in sorted(names.pictures.items()):
            colour = render.style == "colour"
            picture, files[path.name], said = read_picture(path, colour=colour, background=render.background)
            warnings.extend(said)
            if twin := next((name for name in files if name != path.name and files[name] == files[path.name]), None):
                raise UserError(f"{path}: the same picture as {twin}. Put the picture of view {number} there")
            yield number, path, picture

    return fitted(case, read(), rig, render, files, warnings)


def fitted(
    case: str,
    pictures: "Iterable[tuple[int, Path, np.ndarray]]",
    rig: "Sequence[Camera]",
    render: RenderParams,
    files: dict[str, str],
    warnings: list[str],
) -> Pictures:
    """Pictures as a network takes them: checked, with `render.crop` cropped, and resized.

    Args:
        pictures: view number, name, and (H, W) or with colours (H, W, 3) uint8; read when their turn comes.
        files, warnings: see `Pictures`; what the check finds is added.

    Raises:
        UserError: a picture is blank, or of another shape than its camera's.
    """
    import numpy as np

    from renderers.rigs.crop import crop_camera, whole_box
    from scans.cameras import camera_array
    from stages.prediction.crop_picture import crop_picture

    colour, aspect = render.style == "colour", rig[0].width / rig[0].height
    crop = render.crop == "silhouette"
    cameras = [crop_camera(camera, whole_box(camera), render.image_size) for camera in rig] if crop else list(rig)
    height, width = cameras[0].height, cameras[0].width
    views = np.zeros((len(rig), height, width, *([3] if colour else [])), np.uint8)
    view_mask = np.zeros(len(rig), bool)
    for number, path, picture in pictures:
        _check_shape(path, picture, aspect)
        warnings += _check_content(path, picture, render.background)
        if crop:
            picture, cameras[number] = crop_picture(picture, rig[number], render.image_size)
        if picture.shape[0] < height / 2:
            what = "of it show the jaw" if crop else "in all"
            warnings.append(f"{path.name}: {picture.shape[0]} rows {what}, and the model sees {height}")
        views[number] = _resized(picture, height, width)
        view_mask[number] = True
    return Pictures(case, views, view_mask, camera_array(cameras), files, warnings)


def _check_count(folder: Path, names: PictureNames, count: int, missing: Collection[int] | None) -> None:
    unread = "".join(f" {path.name} is {what}, not read here: export it as PNG." for path, what in names.unread)
    if not names.pictures and unread:
        raise UserError(f"{folder}:{unread}")
    if not names.pictures:
        others = f" It holds {', '.join(names.others[:5])}." if names.others else ""
        raise UserError(f"{folder}: holds no picture of a view.{others} Name them view_00 … view_{count - 1:02d}")
    if missing is None:
        return
    absent = [number for number in range(count) if number not in names.pictures]
    if unnamed := [number for number in absent if number not in missing]:
        listed = ", ".join(f"view_{number:02d}" for number in unnamed)
        option = ",".join(map(str, absent))
        raise UserError(
            f"{folder}: {len(names.pictures)} of {count} pictures; {listed} not found.{unread} "
            f"Add them, or say so: --missing {option}"
        )
    if named := [number for number in missing if number in names.pictures]:
        raise UserError(f"{folder}: view {named[0]} is named as missing, but it is there. Take one of the two back")


def _folder_cameras(names: PictureNames, rig: "Sequence[Camera]", warnings: list[str]) -> "list[Camera]":
    """The cameras of a transforms.json in the order of the views."""
    from renderers.rigs.rig_files import read_json, read_rig

    path = names.cameras
    assert path is not None
    cameras = read_rig(path, image_size=rig[0].height)
    file_paths = [frame.get("file_path") for frame in read_json(path)["frames"]]
    frames = frames_of_views(path, file_paths, names, len(rig), warnings)
    # A camera of a view that is absent is never looked through.
    return [cameras[frames.get(number, 0)] for number in range(len(rig))]


def _check_shape(path: Path, picture: "np.ndarray", aspect: float) -> None:
    height, width = picture.shape[:2]
    if abs(width / height / aspect - 1) > ASPECT:
        made = "square ones" if aspect == 1 else f"ones {aspect:.3g} times as wide as high"
        raise UserError(
            f"{path}: a picture of {width} × {height}, where the cameras make {made}. Cut it to that around the jaw's "
            f"middle, or put a {CAMERAS} with its camera beside it"
        )


def _check_content(path: Path, picture: "np.ndarray", background: int) -> list[str]:
    """Warnings about a picture.

    Raises:
        UserError: it is blank.
    """
    import numpy as np

    from model.geometry.foreground import CONTRAST, background_of, foreground

    share = float(foreground(picture).mean())
    if share < LEAST_SHOWN:
        raise UserError(f"{path}: blank, {share:.1%} of it differ from its background. Take the picture again")
    warnings = []
    if share > MOST_SHOWN:
        warnings.append(f"{path.name}: the jaw can't be told from the background; cut it out")
    if np.abs(background_of(picture).astype(int) - background).max() > CONTRAST:
        found = np.atleast_1d(background_of(picture)).tolist()
        warnings.append(f"{path.name}: its background is {found}, and the model has seen {background} (0 to 255)")
    return warnings


def _resized(picture: "np.ndarray", height: int, width: int) -> "np.ndarray":
    import cv2

    # One axis after the other: where one of them grows, INTER_AREA does not average along the other.
    rows, columns = min(picture.shape[0], height), min(picture.shape[1], width)
    smaller = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    return cv2.resize(smaller, (width, height), interpolation=cv2.INTER_LINEAR)
