"""Crops a user's picture to the jaw in it, as `render.crop` does with rendered views."""

import math

import cv2
import numpy as np

from model.geometry.foreground import foreground
from renderers.rigs.crop import Box, crop_box, crop_camera, whole_box
from scans.cameras import Camera

FULL = 0.95  # of a picture's width and height; one of which the crop would keep so much is full, and stays as it is
SPECK = 0.01  # of the largest part's pixels; smaller parts of the foreground, such as dust, are no part of the jaw


def crop_picture(picture: np.ndarray, camera: Camera, size: int) -> tuple[np.ndarray, Camera]:
    """The part of a picture that shows the jaw, in the picture's own pixels, and its camera at `size` × `size`.

    Args:
        picture: (H, W) or (H, W, 3) uint8, of any size, with a foreground.
        camera: of the picture; its own size may be another.
    """
    height, width = picture.shape[:2]
    whole = crop_camera(camera, whole_box(camera), size)
    across, down = width / camera.width, height / camera.height
    left, top, right, bottom = _scaled(crop_box(_scaled(_jaw_box(picture), 1 / across, 1 / down), camera), across, down)
    if right - left >= FULL * width and bottom - top >= FULL * height:
        return picture, whole
    left, top = math.floor(left), math.floor(top)
    right, bottom = min(math.ceil(right), width), min(math.ceil(bottom), height)
    box = _scaled((left, top, right, bottom), size / width, size / height)
    return picture[top:bottom, left:right], crop_camera(whole, box, size)


def _jaw_box(picture: np.ndarray) -> Box:
    """The bounding box of the foreground without specks, in pixels."""
    _, _, parts, _ = cv2.connectedComponentsWithStats(foreground(picture).astype(np.uint8))
    parts = parts[1:]  # without the background
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= SPECK * parts[:, cv2.CC_STAT_AREA].max()]
    left, top = parts[:, cv2.CC_STAT_LEFT], parts[:, cv2.CC_STAT_TOP]
    right, bottom = left + parts[:, cv2.CC_STAT_WIDTH], top + parts[:, cv2.CC_STAT_HEIGHT]
    return float(left.min()), float(top.min()), float(right.max()), float(bottom.max())


def _scaled(box: Box, across: float, down: float) -> Box:
    left, top, right, bottom = box
    return left * across, top * down, right * across, bottom * down
