"""What a camera is, and its form as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scans.errors import UserError

CAMERA_COLUMNS = (*(f"transform_{row}{column}" for row in range(4) for column in range(4)), "fx", "fy", "cx", "cy")
CAMERA_COLUMNS += ("width", "height", "orthographic")
"""What the columns of `camera_array` hold."""

_LARGEST = 1e9  # pixels; no lens has such figures, and products of them with coordinates are still finite


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Camera:
    """A camera without distortion in the OpenGL and NeRF convention, perspective or orthographic.

    A point that lies `right`, `up` and `depth` in front of the camera is seen in column cx + fx * right / depth and row
    cy - fy * up / depth; by an orthographic camera, in column cx + fx * right and row cy - fy * up.

    Attributes:
        transform: (4, 4) float64, camera to world. In its own frame the camera looks along -z, with +x to the right of
            the picture and +y to its top. Rotation and translation only.
        fx: Focal length in pixels along the picture's width; of an orthographic camera, pixels per unit of the world.
        fy: Focal length in pixels along its height.
        cx: Column of the optical axis in pixels, from the picture's left border; the first pixel's centre is at 0.5.
        cy: Row of the optical axis in pixels, from the picture's top border.
        width: Columns of the picture.
        height: Rows of the picture.
        orthographic: Whether all lines of sight are parallel.

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
            what = transform.tolist() if transform.size <= 16 else f"one of {transform.shape}"
            raise UserError(f"camera transform: expected a finite 4x4 matrix, got {what}")
        rotation = transform[:3, :3]
        rigid = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-5 and np.linalg.det(rotation) > 0
        if not rigid or not np.array_equal(transform[3], (0, 0, 0, 1)):
            raise UserError(
                f"camera transform: expected a rotation and a translation (no scale, no mirror), got "
                f"{transform.tolist()}; normalise the three axes of the camera"
            )
        if min(self.width, self.height) < 1 or max(self.width, self.height) > 8192:
            raise UserError(f"image size: expected 1 to 8192 pixels a side, got {self.width} x {self.height}")
        # Written so that NaN fails it too.
        finite = all(abs(figure) <= _LARGEST for figure in (self.fx, self.fy, self.cx, self.cy))
        if not finite or min(self.fx, self.fy) <= 0:
            raise UserError(
                f"camera intrinsics: expected fx, fy > 0 and finite cx, cy, none beyond {_LARGEST:g}, got "
                f"fx={self.fx}, fy={self.fy}, cx={self.cx}, cy={self.cy}"
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


def camera_array(cameras: Sequence[Camera]) -> np.ndarray:
    """The cameras as numbers, for a column of a shard.

    Returns:
        (views, 23) float64: the 16 entries of the camera-to-world matrix row by row, then fx, fy, cx, cy, width, height
        and 1 for an orthographic camera (CAMERA_COLUMNS).
    """
    return np.array(
        [(*c.transform.ravel(), c.fx, c.fy, c.cx, c.cy, c.width, c.height, c.orthographic) for c in cameras],
        dtype=np.float64,
    )


def cameras_from_array(array: np.ndarray) -> list[Camera]:
    """The cameras that `camera_array` wrote.

    Raises:
        UserError: The array is not (views, 23) or holds no cameras.
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
            orthographic=bool(row[22]),
        )
        for row in array
    ]
