"""Archives as an enemy would make them; each is refused by name, and nothing comes out of it."""

import errno
import os
import resource
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scans.errors import UserError
from scans.fetching import archives
from scans.fetching.archives import extract, list_members

OBJ = b"v 0 0 0\n" * 500
NAME = "upper/A/A_upper.obj"


def make(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as zip_file:
        for name, data in entries:
            zip_file.writestr(name, data)
    return path


def is_obj(name: str) -> bool:
    return name.endswith(".obj")


def unpack(archive: Path, folder: Path) -> None:
    members = list_members(archive, is_obj)
    extract(archive, {member.name: folder / f"{number}.obj" for number, member in enumerate(members)})


def patch(archive: Path, signature: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of the first header with this signature: PK 3 4 local, PK 1 2 in the directory."""
    data = bytearray(archive.read_bytes())
    at = data.index(signature) + offset
    data[at : at + len(value)] = value
    archive.write_bytes(data)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def test_wanted_files_come_out_unchanged(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", (NAME, OBJ), ("lower/A/A_lower.txt", b"no"), ("part\\upper\\B_upper.obj", b"v"))
    members = list_members(archive, is_obj)
    assert [(member.name, member.size) for member in members] == [(NAME, 4000), ("part\\upper\\B_upper.obj", 1)]
    extract(archive, {NAME: tmp_path / "out" / "a.obj"})
    assert (tmp_path / "out" / "a.obj").read_bytes() == OBJ
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.obj"]


def truncated(path: Path) -> None:
    data = make(path, (NAME, OBJ)).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def no_archive(path: Path) -> None:
    path.write_bytes(b"<html>Gone</html>")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def damaged(path: Path) -> None:
    make(path, (NAME, OBJ), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"v 0", b"v 1", 1))


def damaged_stream(path: Path) -> None:
    data = bytearray(make(path, (NAME, os.urandom(3000) + OBJ)).read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)


def longer_than_stated(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, CENTRAL, 24, struct.pack("<L", 100))


def shorter_than_stated(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, CENTRAL, 24, struct.pack("<L", 5000))


def encrypted(path: Path) -> None:
    make(path, (NAME, OBJ))
    for signature, offset in ((LOCAL, 6), (CENTRAL, 8)):
        patch(path, signature, offset, struct.pack("<H", 1))


def link(path: Path) -> None:
    info = zipfile.ZipInfo(NAME)
    info.external_attr = 0o120777 << 16
    make(path, (info, b"/etc/passwd"))


def nested(path: Path) -> None:
    inner = make(path.with_name("inner.zip"), (NAME, OBJ))
    make(path, ("data_part_1.ZIP", inner.read_bytes()))
    inner.unlink()


def climbing(path: Path) -> None:
    make(path, ("upper/../../../A_upper.obj", OBJ))


def climbing_backwards(path: Path) -> None:
    make(path, ("upper\\..\\..\\A_upper.obj", OBJ))


def absolute(path: Path) -> None:
    make(path, ("/tmp/A_upper.obj", OBJ))


def drive(path: Path) -> None:
    make(path, ("C:\\A_upper.obj", OBJ))


def climbing_unwanted(path: Path) -> None:
    make(path, (NAME, OBJ), ("../../.bashrc", b"rm"))


def bomb(path: Path) -> None:
    make(path, (NAME, bytes(20 << 20)))


def stated_bomb(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, CENTRAL, 24, struct.pack("<L", 4_000_000_000))


def rarely_packed(path: Path) -> None:
    make(path, (NAME, OBJ), method=zipfile.ZIP_LZMA)


def unknown_packing(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, CENTRAL, 10, struct.pack("<H", 77))


def names_differ(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, LOCAL, 30, b"UPPER")


def deflate64(path: Path) -> None:
    make(path, (NAME, OBJ))
    patch(path, LOCAL, 8, struct.pack("<H", 9))
    patch(path, CENTRAL, 10, struct.pack("<H", 9))


def seven_zip(path: Path) -> None:
    path.write_bytes(b"7z\xbc\xaf'\x1c" + bytes(60))


def lfs_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")


HOSTILE = {
    truncated: "damaged or cut off",
    no_archive: "it is an HTML page, not the archive",
    empty: "damaged or cut off",
    damaged: "damaged or cut off .*CRC",
    damaged_stream: "damaged or cut off",
    longer_than_stated: "damaged or cut off .*CRC",
    shorter_than_stated: "shorter than the archive says",
    encrypted: "A_upper.obj is encrypted",
    link: "A_upper.obj is a link",
    nested: r"holds but another archive, 'data_part_1\.ZIP'",
    climbing: "leads out of the archive's folder",
    climbing_backwards: "leads out of the archive's folder",
    absolute: "leads out of the archive's folder",
    drive: "leads out of the archive's folder",
    climbing_unwanted: r"'\.\./\.\./\.bashrc' leads out",
    bomb: "unpacks from .* to 20971520 bytes, which is no scan",
    stated_bomb: "unpacks from .* to 4000000000 bytes, which is no scan",
    rarely_packed: r"packed in a way that isn't read here \(LZMA\)",
    unknown_packing: r"packed in a way that isn't read here \(method 77\)",
    names_differ: "damaged or cut off",
    deflate64: r"isn't read here \(Deflate64, as Windows does above 2 GB\)",
    seven_zip: "a 7z archive, which must be unpacked first",
    lfs_pointer: "a Git LFS pointer",
}


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda function: function.__name__)
def test_hostile_archives_are_refused_by_name(tmp_path: Path, hostile: Callable[[Path], None]) -> None:
    archive = tmp_path / "data" / "evil.zip"
    archive.parent.mkdir()
    hostile(archive)
    with pytest.raises(
        UserError,
        match=rf"evil\.zip: this archive can't be used: .*{HOSTILE[hostile]}.*(Get it again|Unpack it \(7-Zip.*)\.",
    ):
        unpack(archive, archive.parent / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is written elsewhere"
    assert {path.name for path in archive.parent.iterdir()} <= {"evil.zip", "out"}


def test_an_archive_beside_wanted_files_is_left_alone(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", (NAME, OBJ), ("more.zip", b"?"))
    assert [member.name for member in list_members(archive, is_obj)] == [NAME]


def test_long_runs_of_labels_are_no_bomb(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", ("a.obj", b"0, " * 1_000_000))
    (member,) = list_members(archive, is_obj)
    assert member.size > archives.LARGEST_RATIO * archive.stat().st_size


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", (NAME, os.urandom(100_000)))
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
        with pytest.raises(OSError, match="File too large") as caught:
            unpack(archive, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.EFBIG
