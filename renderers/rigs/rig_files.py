"""Camera files: nerfstudio's `transforms.json`, and plain lists in CSV."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from renderers.rigs.rigs import FARTHEST, NEAREST, around_the_jaw
from renderers.rigs.transforms import cameras_from_transforms
from scans.cameras import Camera
from scans.elementary import tan
from scans.errors import UserError

MOST_CAMERAS = 256
SAME_PLACE = 1e-3  # jaw radii
LEAST_SHOWN = 0.25  # share of the picture's shorter side that the sphere around the jaw takes
_PLACE = ("azimuth", "elevation", "distance")
_LENS = ("field_of_view", "half_height")


def read_rig(path: Path, *, image_size: int) -> list[Camera]:
    """The cameras of a file, in its order, in the normalised Teeth3DS frame.

    `.json` is a `transforms.json` (`renderers.rigs.transforms`). `.csv` has a header and a camera a line, which looks
    at the jaw's centre: azimuth, elevation (degrees) and distance (jaw radii) as in `rigs.around_the_jaw`, and the
    lens: field_of_view (vertical, degrees), or half_height of the picture (jaw radii) for an orthographic camera.

    Args:
        path: The file.
        image_size: Rows of the pictures; a list's pictures are square.

    Raises:
        UserError: The file is missing or malformed, holds no camera or more than 256, or a camera stands in the jaw,
            looks past it or has a picture of another shape than the first; the file and the entry are named.
    """
    try:
        if path.suffix.lower() == ".json":
            cameras = cameras_from_transforms(read_json(path), str(path), image_size=image_size)
            entries = [f"frame {number}" for number in range(len(cameras))]
        else:
            with open(path, newline="", encoding="utf-8-sig") as file:
                lines = dict(_cameras_of_lines(path, csv.DictReader(file, skipinitialspace=True), image_size))
            entries, cameras = [f"line {line}" for line in lines], list(lines.values())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {_others(path)}") from None
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise UserError(f"{path}: can't be read as {path.suffix[1:].upper()}: {error}") from None
    if not 1 <= len(cameras) <= MOST_CAMERAS:
        raise UserError(f"{path}: {len(cameras)} cameras; a rig has 1 to {MOST_CAMERAS}")
    transforms = np.stack([camera.transform for camera in cameras])
    turned, moved = np.ptp(transforms[:, :3, :3], axis=0).max(), np.ptp(transforms[:, :3, 3], axis=0).max()
    if len(cameras) > 2 and turned > SAME_PLACE > moved:
        raise UserError(
            f"{path}: all {len(cameras)} cameras stand in one place: world-to-camera matrices, most likely. Give "
            "camera-to-world ones, their inverses"
        )
    for entry, camera in zip(entries, cameras, strict=True):
        if problem := _problem(camera, cameras[0]):
            raise UserError(f"{path}: {entry}: {problem}")
    return cameras


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    return json.loads(path.read_bytes())


def _others(path: Path) -> str:
    names = sorted(other.name for other in path.parent.glob("*") if other.suffix in (".json", ".csv"))
    return f"{path.parent} holds {', '.join(names) or 'no camera file (.json, .csv)'}"


def _cameras_of_lines(path: Path, lines: "csv.DictReader[str]", image_size: int) -> Iterator[tuple[int, Camera]]:
    """The number of each line and its camera."""
    columns = [name or "" for name in lines.fieldnames or ()]
    if not set(_PLACE) <= set(columns) <= {*_PLACE, *_LENS} or len(set(columns)) != len(columns):
        raise UserError(
            f"{path}: the first line must name the columns {', '.join(_PLACE)} and {' or '.join(_LENS)}, "
            f"separated by commas, got {','.join(columns)!r:.100}"
        )
    for line in lines:
        try:
            yield lines.line_num, _camera_of_line(line, image_size)
        except (TypeError, ValueError, UserError) as error:
            raise UserError(f"{path}: line {lines.line_num}: {error}") from None


def _camera_of_line(line: Mapping[str | None, str | list[str] | None], image_size: int) -> Camera:
    if None in line or None in line.values():
        raise ValueError("not as many values as columns")
    figures = {name: float(text) for name, text in line.items() if text}  # type: ignore[arg-type]
    if missing := [name for name in _PLACE if name not in figures]:
        raise ValueError(f"no {missing[0]}")
    if sum(name in figures for name in _LENS) != 1:
        raise ValueError("give either a field_of_view or, for an orthographic camera, a half_height")
    azimuth, elevation, distance = (figures[name] for name in _PLACE)
    if not (abs(azimuth) <= 360 and abs(elevation) <= 90):
        raise ValueError("azimuth must lie within -360 and 360 degrees, elevation within -90 and 90")
    if not NEAREST <= distance <= FARTHEST:
        raise ValueError(f"distance must lie within {NEAREST:g} and {FARTHEST:g} jaw radii, not {distance:g}")
    if "field_of_view" in figures:
        if not 1 <= figures["field_of_view"] <= 120:
            raise ValueError("field_of_view must lie within 1 and 120 degrees")
        focal = image_size / 2 / float(tan(math.radians(figures["field_of_view"]) / 2))
    else:
        if not 0.01 <= figures["half_height"] <= 100:
            raise ValueError("half_height must lie within 0.01 and 100 jaw radii")
        focal = image_size / 2 / figures["half_height"]
    return Camera(
        transform=around_the_jaw(azimuth, elevation, distance),
        fx=focal,
        fy=focal,
        cx=image_size / 2,
        cy=image_size / 2,
        width=image_size,
        height=image_size,
        orthographic="half_height" in figures,
    )


def _problem(camera: Camera, first: Camera) -> str | None:
    """What keeps a camera from being one of a rig."""
    if (camera.width, camera.height) != (first.width, first.height):
        return "its picture has another shape than that of the first camera; they go into one array"
    away = math.hypot(*camera.position)
    if not NEAREST <= away <= FARTHEST:
        return (
            f"the camera stands {away:.3g} jaw radii from the jaw's centre, expected {NEAREST:g} to {FARTHEST:g}; "
            "the jaw fills a sphere of radius 1 around the origin, so scale the file's positions to that"
        )
    shown = 2 * min(camera.fx, camera.fy) / (1 if camera.orthographic else away) / min(camera.width, camera.height)
    if shown < LEAST_SHOWN:
        return (
            f"the jaw would fill {shown:.1%} of the picture: the camera stands {away:.3g} away, with no long lens. "
            "Positions must be in jaw radii, the unit of the frame, not in milli- or centimetres"
        )
    if not _sees_the_jaw(camera):
        return "the camera looks past the jaw, a sphere of radius 1 around the origin; cameras look along their own -z"
    return None


def _sees_the_jaw(camera: Camera) -> bool:
    """Whether the unit sphere reaches over all four borders of the picture, and before the camera."""
    right, up, backward = -camera.position @ camera.rotation  # of the origin as the camera has it
    left_part, right_part = camera.cx, camera.width - camera.cx
    top_part, bottom_part = camera.cy, camera.height - camera.cy
    # Distances of the origin from the planes through the borders, positive inside.
    if camera.orthographic:
        column, row = camera.fx * right, -camera.fy * up
        borders = (
            (left_part + column) / camera.fx,
            (right_part - column) / camera.fx,
            (top_part + row) / camera.fy,
            (bottom_part - row) / camera.fy,
        )
    else:
        borders = (
            (camera.fx * right - left_part * backward) / math.hypot(camera.fx, left_part),
            (-camera.fx * right - right_part * backward) / math.hypot(camera.fx, right_part),
            (-camera.fy * up - top_part * backward) / math.hypot(camera.fy, top_part),
            (camera.fy * up - bottom_part * backward) / math.hypot(camera.fy, bottom_part),
        )
    return min(*borders, -backward) > -1
