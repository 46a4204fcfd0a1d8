"""The cameras: a pinhole description, the rig of ten, and their forms in files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scans.errors import UserError

CAMERA_COLUMNS = (*(f"transform_{row}{column}" for row in range(4) for column in range(4)), "fx", "fy", "cx", "cy")
CAMERA_COLUMNS += ("width", "height")
"""What the columns of `camera_array` hold."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Camera:
    """A pinhole camera in the OpenGL and NeRF convention.

    Attributes:
        transform: (4, 4) float64, camera to world. In its own frame the camera looks along -z, with +x to the right of
            the picture and +y to its top. Rotation and translation only.
        fx: Focal length in pixels along the picture's width.
        fy: Focal length in pixels along its height.
        cx: Column of the optical axis in pixels, from the picture's left border; the first pixel's centre is at 0.5.
        cy: Row of the optical axis in pixels, from the picture's top border.
        width: Columns of the picture.
        height: Rows of the picture.

    Raises:
        UserError: The transform is not a rigid motion, a focal length is not positive, or the picture is empty.
    """

    transform: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    orthographic: bool = False

    def __post_init__(self) -> None:
        transform = np.asarray(self.transform, dtype=np.float64)
        if transform.shape != (4, 4) or not np.isfinite(transform).all():
            raise UserError(f"camera transform: expected a finite 4x4 matrix, got {transform.tolist()}")
        rotation = transform[:3, :3]
        rigid = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-5 and np.linalg.det(rotation) > 0
        if not rigid or not np.array_equal(transform[3], (0, 0, 0, 1)):
            raise UserError(
                f"camera transform: expected a rotation and a translation (no scale, no mirror), got "
                f"{transform.tolist()}; normalise the three axes of the camera"
            )
        if min(self.width, self.height) < 1 or max(self.width, self.height) > 8192:
            raise UserError(f"image size: expected 1 to 8192 pixels a side, got {self.width} x {self.height}")
        if not all(map(math.isfinite, (self.fx, self.fy, self.cx, self.cy))) or min(self.fx, self.fy) <= 0:
            raise UserError(
                f"camera intrinsics: expected fx, fy > 0 and finite cx, cy, got fx={self.fx}, fy={self.fy}, "
                f"cx={self.cx}, cy={self.cy}"
            )
        object.__setattr__(self, "transform", transform)

    @property
    def position(self) -> np.ndarray:
        """(3,) float64, where the camera stands in the world."""
        return self.transform[:3, 3]

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3) float64, whose columns are the camera's right, up and backward directions in the world."""
        return self.transform[:3, :3]


def look_at_origin(position: Sequence[float] | np.ndarray, up: Sequence[float] | np.ndarray) -> np.ndarray:
    """The camera-to-world matrix of a camera that looks at the origin.

    Args:
        position: (3,) where it stands, not the origin itself.
        up: (3,) direction that points to the top of the picture, not along the line of sight.

    Returns:
        (4, 4) float64.
    """
    transform = np.eye(4)
    transform[:3, 3] = position
    backward = transform[:3, 3] / np.linalg.norm(position)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    transform[:3, :3] = np.stack((right, np.cross(backward, right), backward), axis=1)
    return transform


def ring_rig(
    *, ring_views: int, elevation: float, distance: float, field_of_view: float, image_size: int, order: Sequence[int]
) -> list[Camera]:
    """The fixed rig: a ring of cameras around the jaw and one above it (arXiv 2606.05998: nine and one).

    In the normalised Teeth3DS frame (crowns +z, incisors -y, patient right at +x), all cameras look at the origin:

    - Views 0 ... ring_views - 1 stand at equal azimuths, counter-clockwise as seen from +z. View 0 is in front of the
      incisors, at -y; the next ones pass over the patient's right side (FDI 1x), so in view 0 the patient's right is
      to the right of the picture (the jaw stands on its base, teeth up). +z is up in the picture.
    - The last view stands at +z over the crowns and shows the arch as a dental chart does: incisors at the top,
      patient right (FDI 1x) on the left.

    Args:
        ring_views: Cameras around the jaw, at least 1.
        elevation: Degrees by which the ring's cameras stand above the horizon of the jaw, between -90 and 90.
        distance: From the origin to every camera, in normalised units (the jaw fits a sphere of radius 1).
        field_of_view: Vertical opening angle in degrees, between 0 and 180.
        image_size: Pixels of a side of the square picture.
        order: A permutation of 0 ... ring_views: which of the views above stands at each place of the result.

    Returns:
        ring_views + 1 cameras.

    Raises:
        UserError: A figure is out of its bounds.
    """
    if ring_views < 1:
        raise UserError(f"ring_views: expected at least 1, got {ring_views}")
    if not -90 < elevation < 90:
        raise UserError(f"elevation: expected degrees between -90 and 90, got {elevation}")
    if not 0 < distance < math.inf:
        raise UserError(f"distance: expected more than 0 (normalised units), got {distance}")
    if not 0 < field_of_view < 180:
        raise UserError(f"field_of_view: expected degrees between 0 and 180, got {field_of_view}")
    if sorted(order) != list(range(ring_views + 1)):
        raise UserError(f"order: expected every number from 0 to {ring_views} once, got {list(order)}")
    azimuths = np.radians(-90 + 360 / ring_views * np.arange(ring_views))
    rise = math.radians(elevation)
    transforms = [
        look_at_origin(
            distance
            * np.array((math.cos(azimuth) * math.cos(rise), math.sin(azimuth) * math.cos(rise), math.sin(rise))),
            up=(0, 0, 1),
        )
        for azimuth in azimuths
    ]
    transforms.append(look_at_origin((0, 0, distance), up=(0, -1, 0)))
    focal, centre = image_size / 2 / math.tan(math.radians(field_of_view) / 2), image_size / 2
    return [
        Camera(
            transform=transforms[view], fx=focal, fy=focal, cx=centre, cy=centre, width=image_size, height=image_size
        )
        for view in order
    ]


def camera_array(cameras: Sequence[Camera]) -> np.ndarray:
    """The cameras as numbers, for a column of a shard.

    Returns:
        (views, 22) float64: the 16 entries of the camera-to-world matrix row by row, then fx, fy, cx, cy, width, height
        (CAMERA_COLUMNS).
    """
    return np.array([(*c.transform.ravel(), c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in cameras])


def cameras_from_array(array: np.ndarray) -> list[Camera]:
    """The cameras that `camera_array` wrote.

    Raises:
        UserError: The array is not (views, 22) or holds no cameras.
    """
    array = np.asarray(array, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(CAMERA_COLUMNS):
        raise UserError(f"cameras: expected an array of (views, {len(CAMERA_COLUMNS)}), got {array.shape}")
    return [
        Camera(
            transform=row[:16].reshape(4, 4).copy(),
            fx=float(row[16]),
            fy=float(row[17]),
            cx=float(row[18]),
            cy=float(row[19]),
            width=int(row[20]),
            height=int(row[21]),
        )
        for row in array
    ]


def transforms_json(cameras: Sequence[Camera], file_names: Sequence[str]) -> dict[str, Any]:
    """The cameras in nerfstudio's `transforms.json` convention.

    Args:
        cameras: One per picture.
        file_names: The pictures' paths relative to the file.

    Returns:
        A dict for `json.dump`: `camera_model` OPENCV without distortion, and per frame `file_path`, the intrinsics
        `fl_x`, `fl_y`, `cx`, `cy`, `w`, `h` and the camera-to-world `transform_matrix`. Floats survive exactly.

    Raises:
        UserError: There is not one name per camera.
    """
    if len(cameras) != len(file_names):
        raise UserError(f"transforms.json: {len(cameras)} cameras, but {len(file_names)} file names")
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
        }
        for camera, name in zip(cameras, file_names, strict=True)
    ]
    return {"camera_model": "OPENCV", "frames": frames}


def cameras_from_transforms(transforms: Mapping[str, Any]) -> list[Camera]:
    """The cameras of a `transforms.json` in nerfstudio's convention, in the order of its frames.

    Intrinsics are read from the frame, or else from the top level, as nerfstudio does.

    Raises:
        UserError: A key is missing or is no number, or the lens has a distortion, which the renderers don't have.
    """
    frames = transforms.get("frames")
    if not isinstance(frames, Sequence) or isinstance(frames, str):
        raise UserError("transforms.json: expected a list under 'frames'")
    cameras = []
    for number, frame in enumerate(frames):
        fields = {**transforms, **frame}
        for name in ("k1", "k2", "k3", "k4", "p1", "p2"):
            if fields.get(name, 0) != 0:
                raise UserError(f"transforms.json: frame {number} has lens distortion {name}; undistort the pictures")
        try:
            camera = Camera(
                transform=np.array(fields["transform_matrix"], dtype=np.float64),
                fx=float(fields["fl_x"]),
                fy=float(fields["fl_y"]),
                cx=float(fields["cx"]),
                cy=float(fields["cy"]),
                width=int(fields["w"]),
                height=int(fields["h"]),
            )
        except KeyError as error:
            raise UserError(
                f"transforms.json: frame {number} has no {error.args[0]!r}, nor has the top level"
            ) from None
        except (TypeError, ValueError) as error:
            raise UserError(f"transforms.json: frame {number} is malformed: {error}") from None
        cameras.append(camera)
    return cameras
