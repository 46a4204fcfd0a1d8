import contextlib
import io
import zlib

import cv2
import deflate
import numpy as np
import pytest
from PIL import Image

from scans.errors import UserError
from scans.shards.png import decode_png, encode_png


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)


def test_round_trip(image: np.ndarray) -> None:
    data = encode_png(image)
    np.testing.assert_array_equal(decode_png(data, "a.png"), image)
    assert encode_png(image) == data
    assert encode_png(image[:, ::-1][:, ::-1]) == data


def test_a_damaged_file_is_named(image: np.ndarray) -> None:
    data = encode_png(image)
    for cut in (10, 40, len(data) // 2, len(data) - 20):
        with pytest.raises(UserError, match=r"view_03\.png.*cut off or damaged"):
            decode_png(data[:cut], "view_03.png")
    for other in (b"", b"GIF89a", b"<html>"):
        with pytest.raises(UserError, match=r"view_03\.png: not a PNG"):
            decode_png(other, "view_03.png")


def test_colours_and_sixteen_bits_keep_their_values_and_order(image: np.ndarray) -> None:
    import PIL.Image

    rgb = np.stack((image, image[::-1], image[:, ::-1]), axis=2)
    deep = image.astype(np.uint16) * 257 + 3
    for picture in (rgb, deep):
        data = encode_png(picture)
        np.testing.assert_array_equal(decode_png(data, "a.png"), picture)
        np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(data))), picture)


def test_only_pictures(image: np.ndarray) -> None:
    for bad in (image[None], image.astype(np.float32), image[:0], np.stack((image, image), axis=2)):
        with pytest.raises(ValueError, match="grey picture"):
            encode_png(bad)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (224, 224)])
def test_our_own_pictures_are_ordinary_ones(shape: tuple[int, int]) -> None:
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype(np.uint8)
    for image in (smooth, np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)):
        data = encode_png(image)
        np.testing.assert_array_equal(decode_png(data, ""), image)
        np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data))), image)


def test_pictures_of_others_are_read_too(image: np.ndarray) -> None:
    for mode, options in (("L", {}), ("L", {"compress_level": 0}), ("P", {}), ("RGB", {}), ("LA", {})):
        buffer = io.BytesIO()
        Image.fromarray(image).convert(mode).save(buffer, "png", **options)
        decoded = decode_png(buffer.getvalue(), "")
        np.testing.assert_array_equal(decoded if decoded.ndim == 2 else decoded[:, :, 0], image)


def test_no_damage_gives_another_picture(image: np.ndarray) -> None:
    data = encode_png(image)
    for place in range(8, len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with contextlib.suppress(UserError):
            np.testing.assert_array_equal(decode_png(bytes(damaged), ""), image)


def test_pictures_of_ours_are_read_without_opencv(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    large = np.random.default_rng(1).integers(0, 256, (200, 150, 3), dtype=np.uint8)  # in several chunks
    files = [encode_png(picture) for picture in (image, large)]
    monkeypatch.delattr(cv2, "imdecode")
    for data, picture in zip(files, (image, large), strict=True):
        np.testing.assert_array_equal(decode_png(data, ""), picture)


@pytest.mark.parametrize(
    ("width", "height"), [(0, 40), (30, 41), (31, 40), (40_000, 40_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)]
)
def test_a_header_may_not_claim_more_than_the_file_holds(
    image: np.ndarray, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(encode_png(image))
    data[16:24] = width.to_bytes(4) + height.to_bytes(4)
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    asked: list[int] = []
    inflate = deflate.zlib_decompress
    monkeypatch.setattr(deflate, "zlib_decompress", lambda data, size: asked.append(size) or inflate(data, size))
    with pytest.raises(UserError, match=r"a\.png: the PNG picture is cut off or damaged"):
        decode_png(bytes(data), "a.png")
    assert max(asked, default=0) < 2_000_000, "no memory that the file can't fill"


def test_a_picture_without_pixels_is_refused() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    for width, height in ((0, 3), (3, 0)):
        size = width.to_bytes(4) + height.to_bytes(4)
        rows = zlib.compress(bytes(height * (1 + width)))
        chunks = chunk(b"IHDR", size + b"\x08\0\0\0\0"), chunk(b"IDAT", rows), chunk(b"IEND", b"")
        with pytest.raises(UserError, match="damaged"):
            decode_png(b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "")


def test_a_damaged_header_is_refused_where_the_bytes_would_make_another_picture_too() -> None:
    data = bytearray(encode_png(np.zeros((3, 1), np.uint8)))  # three rows of two bytes; also two rows of three
    data[16:24] = (2).to_bytes(4) + (2).to_bytes(4)
    with pytest.raises(UserError, match="damaged"):
        decode_png(bytes(data), "")
