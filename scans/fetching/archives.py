"""Zip archives from elsewhere: what is in them, and files out of them, hostile ones refused."""

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scans.errors import UserError
from scans.files import errors_name

# A scan has 20 to 40 MB at most, and text of numbers shrinks about fourfold, long runs of equal labels far more.
LARGEST_MEMBER = 512 << 20
SMALL = 16 << 20
LARGEST_RATIO = 100
METHODS = {9: "Deflate64, as Windows does above 2 GB", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 99: "AES"}
UNPACK = "Unpack it (7-Zip knows all ways), and use the folder of unpacked files in its place."
FOREIGN = {  # what people have in place of a zip archive, by the first bytes
    b"version https://git-lfs": "a Git LFS pointer; `git lfs pull` gets the archive",
    b"7z\xbc\xaf'\x1c": "a 7z archive, which must be unpacked first",
    b"Rar!": "a RAR archive, which must be unpacked first",
    b"\x1f\x8b": "a gzip archive, which must be unpacked first",
    b"<": "an HTML page, not the archive",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name there, unpacked bytes and CRC-32, as the archive's directory states them."""

    archive: Path
    name: str
    size: int
    crc: int


def list_members(archive: Path, wanted: Callable[[str], bool]) -> list[Member]:
    """The wanted files of an archive, in its order; their content is not read yet.

    Args:
        wanted: by name, with forward slashes.

    Raises:
        UserError: it is no whole zip archive; a name leads out of its folder; it holds archives in place of wanted
            files; a wanted file is encrypted, a link, packed in a rare way, or too large for a scan.
    """
    found = []
    with _opened(archive) as zip_file:
        for info in zip_file.infolist():
            name = info.filename.replace("\\", "/")
            if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
                raise _bad(archive, f"the name {name[:80]!r} leads out of the archive's folder")
            if not info.is_dir() and wanted(name):
                _check_member(archive, info)
                found.append(Member(archive, info.filename, info.file_size, info.CRC))
        inner = next((name for name in zip_file.namelist() if name.lower().endswith(".zip")), None)
        if inner and not found:
            raise _bad(archive, f"it holds but another archive, {inner[:80]!r}", UNPACK)
    return found


def extract(archive: Path, targets: Mapping[str, Path]) -> None:
    """Write files of an archive to new files; the names are those of `list_members`.

    Raises:
        UserError: a file is damaged or longer or shorter than the archive says.
    """
    with _opened(archive) as zip_file:
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            # zipfile compares the CRC-32 and reads no more than the stated length.
            with zip_file.open(name) as source, errors_name(target), open(target, "xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            if target.stat().st_size != zip_file.getinfo(name).file_size:
                raise _bad(archive, f"{name} is shorter than the archive says")


def _check_member(archive: Path, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 0x1:
        raise _bad(archive, f"{info.filename} is encrypted", UNPACK)
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _bad(archive, f"{info.filename} is a link, not a file")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise _bad(archive, f"{info.filename} is packed in a way that isn't read here ({method})", UNPACK)
    bomb = info.file_size > SMALL and info.file_size > LARGEST_RATIO * info.compress_size
    if info.file_size > LARGEST_MEMBER or bomb:
        raise _bad(
            archive,
            f"{info.filename} unpacks from {info.compress_size} to {info.file_size} bytes, which is no scan",
        )


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as zip_file:
            yield zip_file
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, RuntimeError) as e:
        with open(archive, "rb") as file:
            head = file.read(64).lstrip()
        foreign = next((name for mark, name in FOREIGN.items() if head.startswith(mark)), None)
        raise _bad(archive, f"it is {foreign or f'damaged or cut off ({e or type(e).__name__})'}") from None


def _bad(archive: Path, reason: str, cure: str = "Get it again.") -> UserError:
    return UserError(f"{archive}: this archive can't be used: {reason}. {cure}")
