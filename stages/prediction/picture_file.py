"""A picture in any usual format, as it is meant to be seen: turned as its EXIF data say, on the model's background."""

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L")  # Pillow's modes
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")  # Pillow's names
# What else files are by their first bytes: (offset, mark, name).
FOREIGN = (
    *((4, b"ftyp" + brand, "a HEIC picture") for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim")),
    (4, b"ftypavif", "an AVIF picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"<", "an HTML or XML page"),
    (0, b"version https://git-lfs", "a Git LFS pointer (`git lfs pull` gets the picture)"),
    (0, b"\0\x05\x16\x07", "an AppleDouble file of a Mac's"),
    (128, b"DICM", "a DICOM file"),
)
MARKS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*", b"BM")  # of FORMATS
KINDS = "PNG, JPEG, WebP, TIFF or BMP"
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # a TIFF's tag for what its values mean, and one of its values


def read_picture(path: Path, *, colour: bool, background: int) -> "tuple[np.ndarray, str, list[str]]":
    """Read a picture.

    Args:
        colour: whether to keep colours; else they become grey.
        background: grey value behind what is transparent.

    Returns:
        (H, W) or (H, W, 3) RGB uint8; the SHA-256 of the file; warnings.

    Raises:
        UserError: the file can't be read, or is no whole picture of 8 or 16 bits in a format that is read here.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}). Check the permissions and the disk") from None
    said: list[str] = []
    pixels, alpha = _decode(path, data, said)
    if alpha is not None:
        alpha = alpha[..., None] / 255 if pixels.ndim == 3 else alpha / 255
        pixels = (pixels * alpha + background * (1 - alpha)).round().astype("uint8")
    return in_style(pixels, colour=colour), hashlib.sha256(data).hexdigest(), said


def in_style(pixels: "np.ndarray", *, colour: bool) -> "np.ndarray":
    """Pixels (H, W) or (H, W, 3) RGB as (H, W, 3), or without `colour` as (H, W)."""
    import cv2

    if colour and pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if not colour and pixels.ndim == 3 else pixels


def what_it_is(data: bytes) -> str | None:
    """What a file that is no picture of ours is by its first bytes; None where these tell nothing."""
    known = next((name for offset, mark, name in FOREIGN if data[offset:].startswith(mark)), None)
    is_text = bool(data) and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in data[:256])
    return known or ("a text file" if is_text else None)


def check_header(path: Path, name: str) -> None:
    """Refuse by its first bytes what is no picture that is read here, or a picture too large; nothing is decoded.

    Args:
        name: what the message calls the file.

    Raises:
        UserError: it is such a file.
    """
    with open(path, "rb") as file:
        start = file.read(256)
    with _told(name, start):
        _opened(path)


def _decode(path: Path, data: bytes, said: list[str]) -> "tuple[np.ndarray, np.ndarray | None]":
    """Pixels (H, W) or (H, W, 3) uint8, and opacity (H, W) uint8 where it is stated."""
    from PIL import ImageOps

    with _told(path, data):
        image = _opened(io.BytesIO(data))
        # MPO: a phone's JPEG with a preview or a depth map behind it.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        # Pillow turns values that count from white, such as of a scanned film, but not those of 16 bits.
        from_white = image.mode in SIXTEEN_BITS and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
        with _strict(), _silent_stderr():
            image.load()
        with _strict():
            image = ImageOps.exif_transpose(image)
        if frames > 1:
            said.append(f"{path.name}: it holds {frames} pictures; the first is taken")
        return _channels(image, from_white=from_white)


def _opened(source: "Path | io.BytesIO") -> "Image":
    """The picture by its header, of a size that may be decoded."""
    from PIL import Image

    with _strict():
        return Image.open(source, formats=FORMATS)


@contextmanager
def _strict() -> Iterator[None]:
    """Raises where a picture is too large, and drops what else a library warns of in its own words."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _told(name: Path | str, data: bytes) -> Iterator[None]:
    """Has what decoders raise told as the user's mistake; `data` are at least the file's first bytes."""
    from PIL import Image

    try:
        yield
        return
    except Image.UnidentifiedImageError:
        unknown = "damaged or cut off" if data.startswith(MARKS) else "of an unknown kind"
        reason = what_it_is(data) or (unknown if data else "empty")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = "larger than 89 megapixels"
    except UserError as error:
        reason = str(error)
    except Exception as error:  # decoders raise whatever they meet in a damaged file
        reason = f"damaged or cut off ({error})"
    raise UserError(f"{name}: no readable {KINDS} picture of 8 or 16 bits: {reason}. Get it again, or export it as PNG")


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drops what C code writes to stderr: libtiff tells its errors there, though Pillow raises them too."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _channels(image: "Image", *, from_white: bool) -> "tuple[np.ndarray, np.ndarray | None]":
    """See `_decode`; `from_white` says that a picture of 16 bits is white where it is 0."""
    import numpy as np

    if image.mode in ("I", *SIXTEEN_BITS):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise UserError("its values have more than 16 bits")
        key = image.info.get("transparency")
        alpha = None if key is None else np.where(grey == key, 0, 255).astype(np.uint8)
        return ((65535 - grey if from_white else grey) / 257).round().astype(np.uint8), alpha
    if image.mode == "F":
        raise UserError("its values are floats")
    grey_mode = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        values = np.asarray(image.convert("LA" if grey_mode else "RGBA"))
        return (values[..., 0] if grey_mode else values[..., :3]), values[..., -1]
    return np.asarray(image.convert("L" if grey_mode else "RGB")), None
