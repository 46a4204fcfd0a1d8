import hashlib
import json
from pathlib import Path

import pytest

from scans.errors import UserError
from scans.fetching.checksums import ChecksumLock

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "data.lock.json"


@pytest.fixture
def abc(tmp_path: Path) -> Path:
    (tmp_path / "abc").write_bytes(b"abc")
    return tmp_path / "abc"


def test_a_sum_is_learned_at_first_sight_and_enforced_after(lock_file: Path, abc: Path) -> None:
    lock = ChecksumLock(lock_file, {})
    assert lock.size("a.zip") is None
    lock.check("a.zip", abc)
    assert not lock_file.exists(), "it is kept only once the file has proved good"
    lock.save()
    assert json.loads(lock_file.read_text()) == {"a.zip": {"bytes": 3, "sha256": SHA256_OF_ABC}}
    again = ChecksumLock(lock_file, {})
    assert again.size("a.zip") == 3
    again.check("a.zip", abc)
    abc.write_bytes(b"abd")
    with pytest.raises(
        UserError, match=r"abc: wrong checksum: .*data\.lock\.json says 3 and ba7816bf.* delete a\.zip in"
    ):
        again.check("a.zip", abc)


def test_what_is_learned_joins_what_was_known(lock_file: Path, abc: Path) -> None:
    for name in ("b.zip", "a.zip"):
        lock = ChecksumLock(lock_file, {})
        lock.check(name, abc)
        lock.save()
    assert list(json.loads(lock_file.read_text())) == ["a.zip", "b.zip"]


def test_a_lock_without_news_is_not_written(lock_file: Path, abc: Path) -> None:
    lock = ChecksumLock(lock_file, {})
    lock.check("a.zip", abc)
    lock.save()
    before = lock_file.stat()
    lock.save()
    assert lock_file.stat().st_mtime_ns == before.st_mtime_ns
    assert lock_file.stat().st_ino == before.st_ino


def test_published_sums_are_enforced(lock_file: Path, abc: Path) -> None:
    ChecksumLock(lock_file, {"a.zip": hashlib.md5(b"abc").hexdigest()}).check("a.zip", abc)
    lock = ChecksumLock(lock_file, {"a.zip": hashlib.md5(b"abd").hexdigest()})
    with pytest.raises(
        UserError, match=r"abc: wrong checksum: its md5 is 900150983cd24fb0d6963f7d28e17f72, that of a\.zip"
    ):
        lock.check("a.zip", abc)
    lock.save()
    assert json.loads(lock_file.read_text()) == {}, "nothing is learned from a wrong file"


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', '{"a": {"bytes": "x", "sha256": ""}}', '{"a": {}}'])
def test_a_broken_lock_is_named(lock_file: Path, text: str) -> None:
    lock_file.write_text(text)
    with pytest.raises(UserError, match=r"data\.lock\.json: no list of checksums"):
        ChecksumLock(lock_file, {})
