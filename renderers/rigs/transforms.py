"""Cameras in files of nerfstudio and the original NeRF: `transforms.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scans.cameras import Camera
from scans.elementary import tan
from scans.errors import UserError

PERSPECTIVE_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "RADIAL", "SIMPLE_RADIAL")
ORTHOGRAPHIC_MODEL = "ORTHOPHOTO"
_DISTORTIONS = ("k1", "k2", "k3", "k4", "p1", "p2")


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

    What is true of all frames may stand at the top level, as nerfstudio has it. The original NeRF's files have
    `camera_angle_x` for square pictures of a size that they don't name.

    Args:
        transforms: What `json.loads` made of the file.
        where: The file's name, for messages.
        image_size: The pictures are scaled to so many rows, and to columns in proportion.

    Raises:
        UserError: It is no such file, a key is missing or no number, a camera is malformed, or the lens is none that
            the renderers have: distorted, fisheye, panoramic.
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
    if distorted := [name for name in _DISTORTIONS if fields.get(name, 0) != 0]:
        raise ValueError(f"lens distortion {', '.join(distorted)}; undistort the pictures")
    if "fl_x" not in fields and "camera_angle_x" in fields:
        width, height = (int(fields.get(name, image_size)) for name in ("w", "h"))
        focal = width / 2 / float(tan(float(fields["camera_angle_x"]) / 2))
        fields = {"fl_y": focal, "cx": width / 2, "cy": height / 2, "w": width, "h": height, **fields, "fl_x": focal}
    return Camera(
        transform=np.array(fields["transform_matrix"], dtype=np.float64),
        fx=float(fields["fl_x"]),
        fy=float(fields["fl_y"]),
        cx=float(fields["cx"]),
        cy=float(fields["cy"]),
        width=int(fields["w"]),
        height=int(fields["h"]),
        orthographic=model == ORTHOGRAPHIC_MODEL,
    )


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
