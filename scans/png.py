"""Grey pictures to PNG bytes and back."""

import cv2
import numpy as np

from scans.errors import UserError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode_png(image: np.ndarray) -> bytes:
    """The PNG file of a grey picture, the same bytes every time.

    Args:
        image: (H, W) uint8.

    Raises:
        ValueError: The array is not a grey picture.
    """
    if image.ndim != 2 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"expected a grey picture (H, W) of uint8, got {image.shape} of {image.dtype}")
    _, data = cv2.imencode(".png", image)
    return data.tobytes()


def decode_png(data: bytes, source: str) -> np.ndarray:
    """The grey picture in a PNG file.

    Args:
        data: The file's bytes. A colour picture becomes grey.
        source: What to call the file in an error.

    Returns:
        (H, W) uint8.

    Raises:
        UserError: The bytes are no PNG, or one that is cut off or damaged.
    """
    if not data.startswith(_SIGNATURE):
        raise UserError(f"{source}: not a PNG picture (starts with {bytes(data[:8])!r}); convert or make it again")
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise UserError(f"{source}: the PNG picture is cut off or damaged; make it again")
    return image
