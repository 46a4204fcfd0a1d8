"""Rigs (lists of cameras): the ring with a top view, and random jitter of a rig's cameras."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scans.cameras import Camera, look_at_origin
from scans.elementary import atan2, cos, sin, tan
from scans.errors import UserError
from scans.vectors import dot, norm

NEAREST, FARTHEST = 1.05, 1e4
"""Where cameras may stand, in jaw radii from the centre: the jaw fits a sphere of radius 1, the near plane is 0.05."""


def around_the_jaw(azimuth: float, elevation: float, distance: float) -> np.ndarray:
    """The camera-to-world matrix of a camera that looks at the origin, the jaw's teeth up in the picture.

    Args:
        azimuth: Degrees from -y, in front of the incisors, counter-clockwise as seen from +z.
        elevation: Degrees above the horizon; at 90, the side away from `azimuth` is up in the picture.
        distance: From the origin.

    Returns:
        (4, 4) float64.
    """
    turn, rise = math.radians(azimuth - 90), math.radians(elevation)
    # In floats cos(90 degrees) is 6e-17 and not 0, so that the picture has an upper side even there.
    direction = np.array((cos(turn) * cos(rise), sin(turn) * cos(rise), sin(rise)))
    return look_at_origin(distance * direction, up=(0, 0, 1))


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
        UserError: A value is out of its bounds.
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
    azimuths = 360 / ring_views * np.arange(ring_views)
    transforms = [around_the_jaw(azimuth, elevation, distance) for azimuth in azimuths]
    transforms.append(look_at_origin((0, 0, distance), up=(0, -1, 0)))
    focal, centre = float(image_size / 2 / tan(math.radians(field_of_view) / 2)), image_size / 2
    return [
        Camera(
            transform=transforms[view], fx=focal, fy=focal, cx=centre, cy=centre, width=image_size, height=image_size
        )
        for view in order
    ]


def jittered(
    cameras: Sequence[Camera],
    rng: np.random.Generator,
    *,
    azimuth: float,
    elevation: float,
    distance: float,
    roll: float,
    aim: float,
) -> list[Camera]:
    """Randomly perturbed cameras, uniformly within these bounds to either side.

    A camera is first rotated about the origin, around its own up and right axes, so that one above the jaw moves as
    far as one beside it; then moved towards or from the origin; then rotated in its place. The intrinsics stay.

    Args:
        cameras: None stands at the origin.
        rng: Six numbers are drawn for each camera, whatever the bounds.
        azimuth: Degrees sideways around the origin, up to 180.
        elevation: Degrees up or down around the origin, up to 180.
        distance: Fraction of the distance from the origin, less than 1.
        roll: Degrees about the line of sight, up to 180.
        aim: Offset of the point that a camera looks at, to the right and up from the origin.

    Returns:
        As many cameras; those given, to the last bit, if all bounds are 0.
    """
    draws = rng.uniform(-1, 1, (len(cameras), 6))
    if not any((azimuth, elevation, distance, roll, aim)):
        return list(cameras)
    spread = (azimuth, elevation, distance, roll, aim, aim)
    return [_moved(camera, *draw) for camera, draw in zip(cameras, draws * spread, strict=True)]


def _moved(
    camera: Camera, azimuth: float, elevation: float, distance: float, roll: float, aim_right: float, aim_up: float
) -> Camera:
    right, up, backward = camera.rotation.T
    sideways, upward, away = (float(dot(axis, camera.position)) for axis in (right, up, backward))
    backward, right = _turned(backward, right, azimuth)
    backward, up = _turned(backward, up, elevation)
    position = (1 + distance) * (sideways * right + upward * up + away * backward)
    reach = float(norm(camera.position))
    backward, right = _turned(backward, right, -math.degrees(atan2(aim_right, reach)))
    backward, up = _turned(backward, up, -math.degrees(atan2(aim_up, reach)))
    right, up = _turned(right, up, roll)
    transform = np.eye(4)
    transform[:3] = np.stack((right, up, backward, position), axis=1)
    return replace(camera, transform=transform)


def _turned(first: np.ndarray, second: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors at right angles, turned in their plane, the first towards the second."""
    cosine, sine = cos(math.radians(degrees)), sin(math.radians(degrees))
    return cosine * first + sine * second, cosine * second - sine * first
