"""Cameras in files of nerfstudio and the original NeRF: `transforms.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scans.cameras import Camera
from scans.elementary import tan
from scans.errors import UserError
from scans.vectors import dot

PERSPECTIVE_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "RADIAL", "SIMPLE_RADIAL")
ORTHOGRAPHIC_MODEL = "ORTHOPHOTO"
# What stands in files of nerfstudio and instant-ngp for lenses that the renderers don't have, unless it is 0, false or
# null.
_DISTORTIONS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "s1", "s2", "s3", "s4", "distortion_params")
_OTHER_LENSES = ("is_fisheye", "fisheye", "fisheye_crop_radius", "ftheta_p0", "is_equirectangular", "rolling_shutter")
_ANGLES = {"x": ("camera_angle_x", "x_fov"), "y": ("camera_angle_y", "y_fov")}  # radians; degrees (instant-ngp)
LARGEST_ANGLE = 2.97  # radians, 170 degrees; a plane picture can't show more
AGREEING = 0.02  # by which two statements of one focal length may differ
ROUNDED = 5e-3  # deviation from a rotation that matrices of three digits have
POLAR_STEPS = 6  # of Newton and Schulz's iteration, whose error is squared in each
RIGID = 1e-5  # what `Camera` takes as a rotation


def transforms_json(cameras: Sequence[Camera], file_names: Sequence[str]) -> dict[str, Any]:
    """The cameras in nerfstudio's `transforms.json` convention.

    Args:
        cameras: One per picture, at least one.
        file_names: The pictures' paths relative to the file.

    Returns:
        A dict for `json.dump`: `camera_model` OPENCV without distortion or ORTHOPHOTO, and per frame `file_path`, the
        intrinsics `fl_x`, `fl_y`, `cx`, `cy`, `w`, `h` and the camera-to-world `transform_matrix`. A frame of the other
        kind than the first has a `camera_model` of its own, which nerfstudio does not read. Floats survive exactly.

    Raises:
        UserError: There is not one name per camera.
    """
    if len(cameras) != len(file_names):
        raise UserError(f"transforms.json: {len(cameras)} cameras, but {len(file_names)} file names")
    models = [ORTHOGRAPHIC_MODEL if camera.orthographic else PERSPECTIVE_MODELS[0] for camera in cameras]
    frames = [
        {
            "file_path": name,
            "fl_x": float(camera.fx),
            "fl_y": float(camera.fy),
            "cx": float(camera.cx),
            "cy": float(camera.cy),
            "w": int(camera.width),
            "h": int(camera.height),
            "transform_matrix": camera.transform.tolist(),
            **({} if model == models[0] else {"camera_model": model}),
        }
        for camera, name, model in zip(cameras, file_names, models, strict=True)
    ]
    return {"camera_model": models[0], "frames": frames}


def cameras_from_transforms(transforms: Any, where: str, *, image_size: int) -> list[Camera]:
    """The cameras of a `transforms.json`, in the order of its frames.

    What is true of all frames may stand at the top level, as nerfstudio has it. Angles of view, in radians
    (`camera_angle_x`, `camera_angle_y`) or degrees (`x_fov`, `y_fov`), stand in for focal lengths; the original NeRF's
    files have them for square pictures of a size that they don't name. Rotations that were rounded to three or more
    digits become the nearest rotation.

    Args:
        transforms: What `json.loads` made of the file.
        where: The file's name, for messages.
        image_size: The pictures are scaled to so many rows, and to columns in proportion.

    Raises:
        UserError: It is no such file, a key is missing or no number, a camera is malformed, or the lens is none that
            the renderers have: distorted, fisheye, panoramic; or the file says one thing in two ways that disagree.
    """
    frames = transforms.get("frames") if isinstance(transforms, Mapping) else None
    if not isinstance(frames, list):
        raise UserError(f"{where}: expected a JSON object with a list under 'frames', as nerfstudio writes it")
    cameras = []
    for number, frame in enumerate(frames):
        try:
            if not isinstance(frame, Mapping):
                raise TypeError("expected an object")
            cameras.append(_scaled(_camera({**transforms, **frame}, image_size), image_size))
        except KeyError as error:
            raise UserError(f"{where}: frame {number} has no {error.args[0]!r}, nor has the top level") from None
        except (TypeError, ValueError, ArithmeticError, UserError) as error:
            raise UserError(f"{where}: frame {number} is malformed: {error}") from None
    return cameras


def _camera(fields: Mapping[str, Any], image_size: int) -> Camera:
    model = fields.get("camera_model", PERSPECTIVE_MODELS[0])
    if model not in (*PERSPECTIVE_MODELS, ORTHOGRAPHIC_MODEL):
        raise ValueError(f"camera_model {model!r}; expected {', '.join(PERSPECTIVE_MODELS)} or {ORTHOGRAPHIC_MODEL}")
    if distorted := [name for name in _DISTORTIONS if _is_set(fields.get(name))]:
        raise ValueError(f"lens distortion {', '.join(distorted)}; undistort the pictures")
    if other := [name for name in _OTHER_LENSES if _is_set(fields.get(name))]:
        raise ValueError(f"{other[0]}: fisheye and other curved lenses are not known here; undistort the pictures")
    if fields.get("scale", 1) != 1 or _is_set(fields.get("offset")):
        raise ValueError("scale and offset, as instant-ngp has them: apply them to the matrices, and leave them out")
    orthographic = model == ORTHOGRAPHIC_MODEL
    if not orthographic:
        fields = _with_angles(fields, image_size)
    return Camera(
        transform=_unrounded(np.array(fields["transform_matrix"], dtype=np.float64)),
        fx=float(fields["fl_x"]),
        fy=float(fields["fl_y"]),
        cx=float(fields["cx"]),
        cy=float(fields["cy"]),
        width=int(fields["w"]),
        height=int(fields["h"]),
        orthographic=orthographic,
    )


def _is_set(value: Any) -> bool:
    """Whether a value says anything but 0, false or null; of a list, whether any entry does."""
    return any(map(_is_set, value)) if isinstance(value, list | tuple) else value not in (None, 0, False)


def _with_angles(fields: Mapping[str, Any], image_size: int) -> Mapping[str, Any]:
    """The fields with focal lengths in pixels for angles of view; pixels are square unless both axes have their own."""
    angles = {axis: angle for axis, names in _ANGLES.items() if (angle := _angle(fields, *names)) is not None}
    if not angles:
        return fields
    known = {name: fields[name] for name in ("fl_x", "fl_y") if name in fields}
    # A focal length in pixels needs the size that it was measured at; an angle alone goes with any.
    size = {name: int(fields[name] if known else fields.get(name, image_size)) for name in ("w", "h")}
    lengths = {axis: size[{"x": "w", "y": "h"}[axis]] / 2 / float(tan(angle / 2)) for axis, angle in angles.items()}
    for axis, length in lengths.items():
        stated = float(known.get(f"fl_{axis}", length))
        if not abs(stated / length - 1) <= AGREEING:
            raise ValueError(f"fl_{axis} is {stated:g} pixels, and by {_ANGLES[axis][0]} it is {length:g}. Mend one")
    length_x = lengths.get("x", known.get("fl_x", lengths.get("y")))
    length_y = lengths.get("y", known.get("fl_y", lengths.get("x")))
    return {"fl_x": length_x, "fl_y": length_y, "cx": size["w"] / 2, "cy": size["h"] / 2, **size, **fields}


def _angle(fields: Mapping[str, Any], in_radians: str, in_degrees: str) -> float | None:
    if in_radians in fields:
        angle = float(fields[in_radians])
        if not 0 < angle <= LARGEST_ANGLE:
            raise ValueError(f"{in_radians} must be radians between 0 and {LARGEST_ANGLE}, not {angle:g}; degrees?")
        return angle
    if in_degrees in fields:
        angle = float(np.radians(float(fields[in_degrees])))
        if not 0 < angle <= LARGEST_ANGLE:
            raise ValueError(f"{in_degrees} must be degrees between 0 and 170, not {fields[in_degrees]}")
        return angle
    return None


def _unrounded(transform: np.ndarray) -> np.ndarray:
    """A rigid motion whose rotation was rounded to a few digits with the nearest rotation; else as it is."""
    if transform.shape != (4, 4) or not np.isfinite(transform).all():
        return transform
    rotation = transform[:3, :3]
    if not RIGID <= np.abs(_product(rotation, rotation.T) - np.eye(3)).max() < ROUNDED:
        return transform
    for _ in range(POLAR_STEPS):
        rotation = _product(rotation, 1.5 * np.eye(3) - 0.5 * _product(rotation.T, rotation))
    transform = transform.copy()
    transform[:3, :3] = rotation
    return transform


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two matrices (3, 3), added in one order on every machine."""
    return dot(a[:, None], b.T[None])


def _scaled(camera: Camera, image_size: int) -> Camera:
    """The same camera with a picture of `image_size` rows."""
    width = round(camera.width * image_size / camera.height)
    across, down = width / camera.width, image_size / camera.height
    return replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=camera.cx * across,
        cy=camera.cy * down,
        width=width,
        height=image_size,
    )
