"""Pictures as cameras and programs write them: what comes out is what people see."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scans.errors import UserError
from stages.prediction.picture_file import read_picture

WHITE = 255


@pytest.fixture
def grey() -> np.ndarray:
    """(6, 8) uint8 without two equal values."""
    return np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def read(path: Path, colour: bool = False, background: int = WHITE) -> np.ndarray:
    return read_picture(path, colour=colour, background=background)[0]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_lossless_formats_give_the_same_pixels(tmp_path: Path, grey: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"view_00{suffix}"
    Image.fromarray(grey).convert("RGB" if suffix == ".webp" else "L").save(path, lossless=True)
    np.testing.assert_array_equal(read(path), grey)
    np.testing.assert_array_equal(read(path, colour=True), np.stack([grey] * 3, axis=2))


def test_the_content_decides_not_the_suffix(tmp_path: Path, grey: np.ndarray) -> None:
    path = tmp_path / "view_00.jpg"
    Image.fromarray(grey).save(path, format="PNG")
    np.testing.assert_array_equal(read(path), grey)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_are_turned_as_their_exif_data_say(tmp_path: Path, grey: np.ndarray, mode: str, suffix: str) -> None:
    lying = Image.fromarray(np.rot90(grey, 1)).convert(mode)  # turned left; 6: turn right to see it
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / f"a{suffix}", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}"), grey)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("background", [0, 200])
def test_what_is_transparent_shows_the_background(
    tmp_path: Path, grey: np.ndarray, colour: bool, background: int
) -> None:
    alpha = np.full_like(grey, 255)
    alpha[0, 0], alpha[0, 1] = 0, 128
    seen = grey.copy()
    seen[0, 0] = background
    seen[0, 1] = round((5 * 128 + background * 127) / 255)
    seen = np.stack([seen] * 3, axis=2) if colour else seen
    for mode in ("LA", "RGBA"):
        image = Image.fromarray(grey).convert(mode)
        image.putalpha(Image.fromarray(alpha))
        image.save(tmp_path / f"{mode}.png")
        np.testing.assert_array_equal(read(tmp_path / f"{mode}.png", colour, background), seen)


def test_a_transparent_grey_value_or_colour_shows_the_background(tmp_path: Path, grey: np.ndarray) -> None:
    seen = np.where(grey == 10, 255, grey)
    Image.fromarray(grey).save(tmp_path / "grey.png", transparency=10)
    Image.fromarray(grey).convert("RGB").save(tmp_path / "rgb.png", transparency=(10, 10, 10))
    palette = Image.fromarray(grey, mode="P")
    palette.putpalette([value for value in range(256) for _ in range(3)])
    palette.save(tmp_path / "palette.png", transparency=10)
    for name in ("grey.png", "rgb.png", "palette.png"):
        np.testing.assert_array_equal(read(tmp_path / name), seen, err_msg=name)


def test_sixteen_bits_become_eight(tmp_path: Path, grey: np.ndarray) -> None:
    wide = grey.astype(np.uint16) * 257
    for suffix in (".png", ".tif"):
        Image.fromarray(wide).save(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(read(tmp_path / f"a{suffix}"), grey)
    Image.fromarray(wide).save(tmp_path / "clear.png", transparency=10 * 257)
    np.testing.assert_array_equal(read(tmp_path / "clear.png"), np.where(grey == 10, 255, grey))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_values_count_from_white_is_seen_as_others_see_it(
    tmp_path: Path, grey: np.ndarray, bits: int
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(grey if bits == 8 else grey.astype(np.uint16) * 257).save(path)
    data, tag = path.read_bytes(), b"\x06\x01\x03\x00\x01\x00\x00\x00"  # PhotometricInterpretation, one short
    assert data.count(tag + b"\x01\x00") == 1, "black is zero"
    path.write_bytes(data.replace(tag + b"\x01\x00", tag + b"\x00\x00"))
    np.testing.assert_array_equal(read(path), 255 - grey)


def test_of_several_pictures_the_first_is_taken_and_told(tmp_path: Path, grey: np.ndarray) -> None:
    first = Image.fromarray(grey)
    first.save(tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(255 - grey)])
    pixels, _, said = read_picture(tmp_path / "a.tif", colour=False, background=WHITE)
    np.testing.assert_array_equal(pixels, grey)
    assert said == ["a.tif: it holds 2 pictures; the first is taken"]


def encoded(form: str) -> bytes:
    buffer = BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(buffer, format=form, **({"compression": "tiff_deflate"} if form == "TIFF" else {}))
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_file_that_was_cut_off_is_named_without_a_librarys_own_words(
    tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "view_03.png"
    path.write_bytes(encoded(form)[:-700])
    with pytest.raises(
        UserError, match=r"view_03\.png: no readable PNG, .* BMP picture.*damaged or cut off.*Get it again"
    ):
        read(path)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_strip_of_a_tiff_is_told_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded("TIFF"))
    for place in (100, 1000, 3000):
        data[place : place + 80] = bytes(80)
    (tmp_path / "view_03.tif").write_bytes(data)
    with pytest.raises(UserError, match=r"view_03\.tif: no readable .*damaged or cut off"):
        read(tmp_path / "view_03.tif")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(90), "a HEIC picture"),
        (b"\0\0\0\x18ftypavif" + bytes(90), "an AVIF picture"),
        (b"GIF89a" + bytes(90), "a GIF picture"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\0\x05\x16\x07" + bytes(90), "an AppleDouble file"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"<!DOCTYPE html>", "an HTML or XML page"),
        (b"", "empty"),
        (b"\1rubbish", "of an unknown kind"),
        (b"rubbish", "a text file"),
        (encoded("PNG")[:24], "damaged or cut off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_of_ours_is_called_what_it_is(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "view_03.jpg").write_bytes(data)
    with pytest.raises(UserError, match=rf"view_03\.jpg: no readable .* of 8 or 16 bits: {kind}.*export it as PNG"):
        read(tmp_path / "view_03.jpg")


def test_floats_are_refused(tmp_path: Path, grey: np.ndarray) -> None:
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"a\.tif: .*its values are floats"):
        read(tmp_path / "a.tif")
