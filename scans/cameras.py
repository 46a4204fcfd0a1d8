"""Pinhole and orthographic cameras, their packing into vectors, and projection."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scans.errors import UserError
from scans.vectors import dot, unit

CAMERA_COLUMNS = (
    *(f"transform_{row}{column}" for row in range(4) for column in range(4)),
    "fx", "fy", "cx", "cy", "width", "height", "orthographic",
)  # fmt: skip
"""What the columns of `camera_array` hold: the camera-to-world matrix row by row, the intrinsics, the kind."""
CAMERA_VECTOR_SIZE = len(CAMERA_COLUMNS)
TRANSFORM = slice(0, 16)
POSE = slice(0, 12)
"""The first three rows of the transform; the fourth is (0, 0, 0, 1)."""
INTRINSICS = slice(16, CAMERA_VECTOR_SIZE)
"""fx, fy, cx, cy, width, height, orthographic."""
WIDTH, HEIGHT = CAMERA_COLUMNS.index("width"), CAMERA_COLUMNS.index("height")
NEAREST = 1e-3
"""`project` divides by depths of at least this; nearer points lie outside every picture."""

_LARGEST = 1e9  # pixels; no lens has such intrinsics, and their products with coordinates are still finite


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
        if not _is_rotation(transform[:3, :3]) or not np.array_equal(transform[3], (0, 0, 0, 1)):
            raise UserError(
                f"camera transform: expected a rotation and a translation (no scale, no mirror), got "
                f"{transform.tolist()}; normalise the three axes of the camera"
            )
        if min(self.width, self.height) < 1 or max(self.width, self.height) > 8192:
            raise UserError(f"image size: expected 1 to 8192 pixels a side, got {self.width} x {self.height}")
        # Written so that NaN fails it too.
        finite = all(abs(value) <= _LARGEST for value in (self.fx, self.fy, self.cx, self.cy))
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


def _is_rotation(matrix: np.ndarray) -> bool:
    """Whether a (3, 3) matrix is orthonormal within 1e-5 and mirrors nothing."""
    products = dot(matrix[:, None], matrix[None])  # (3, 3), of each row with each
    determinant = dot(matrix[0], np.cross(matrix[1], matrix[2]))
    return bool(np.abs(products - np.eye(3)).max() < 1e-5 and determinant > 0)


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
    backward = unit(transform[:3, 3])
    right = unit(np.cross(up, backward))
    transform[:3, :3] = np.stack((right, np.cross(backward, right), backward), axis=1)
    return transform


def camera_array(cameras: Sequence[Camera]) -> np.ndarray:
    """Pack cameras into vectors, for a column of a shard.

    Returns:
        (V, CAMERA_VECTOR_SIZE) float64, see CAMERA_COLUMNS; `orthographic` is 0 or 1.
    """
    return np.array(
        [(*c.transform.ravel(), c.fx, c.fy, c.cx, c.cy, c.width, c.height, c.orthographic) for c in cameras],
        dtype=np.float64,
    )


def cameras_from_array(array: np.ndarray) -> list[Camera]:
    """Unpack what `camera_array` packed.

    Raises:
        UserError: The array is not (V, CAMERA_VECTOR_SIZE) or holds no cameras.
    """
    array = np.asarray(array, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != CAMERA_VECTOR_SIZE:
        raise UserError(f"cameras: expected an array of (views, {CAMERA_VECTOR_SIZE}), got {array.shape}")
    cameras = []
    for vector in array:
        fx, fy, cx, cy, width, height, orthographic = vector[INTRINSICS].tolist()
        cameras.append(
            Camera(
                transform=vector[TRANSFORM].reshape(4, 4).copy(),
                fx=fx,
                fy=fy,
                cx=cx,
                cy=cy,
                width=int(width),
                height=int(height),
                orthographic=bool(orthographic),
            )
        )
    return cameras


def project(points: np.ndarray, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project points into a camera's picture.

    Args:
        points: (N, 3) in the camera's world.
        camera: (CAMERA_VECTOR_SIZE,) float64, a row of `camera_array`.

    Returns:
        uv: (N, 2) float64, column and row in pixels from the picture's left and top border; outside the picture where
        it does not show the point, without meaning where the depth is below NEAREST. depth: (N,) float64 along the
        camera's axis, in units of the world.
    """
    transform = camera[TRANSFORM].reshape(4, 4)
    fx, fy, cx, cy, _, _, orthographic = camera[INTRINSICS]
    x, y, z = (points - transform[:3, 3]).T
    right, up, backward = (x * axis[0] + y * axis[1] + z * axis[2] for axis in transform[:3, :3].T)  # (N,) each
    scale = 1.0 if orthographic else np.maximum(-backward, NEAREST)
    return np.stack([cx + fx * right / scale, cy - fy * up / scale], axis=1), -backward
