import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from stages.runtime import store


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_what_is_put_comes_back_after_the_output_is_gone() -> None:
    store.put("abcd", made("out", "shard"))
    Path("out").unlink()
    assert store.get("abcd", Path("again"))
    assert Path("again").read_text() == "shard"
    assert not store.get("abce", Path("other"))
    assert not Path("other").exists()


def test_make_runs_once_only() -> None:
    calls = []

    def write(path: Path) -> None:
        calls.append(path)
        path.write_text("shard")

    store.make("abcd", Path("a"), write)
    store.make("abcd", Path("b"), write)
    assert len(calls) == 1
    assert Path("b").read_text() == "shard"


def test_a_failure_leaves_nothing_behind() -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one raised above
        store.make("abcd", Path("out"), write)
    assert not any(path.is_file() for path in Path().rglob("*"))


def test_a_rotten_entry_is_thrown_away_and_redone() -> None:
    store.put("abcd", made("out", "shard"))
    entry = store.STORE / "ab" / "abcd"
    entry.unlink()
    entry.write_text("shart")
    assert not store.get("abcd", Path("again"))
    assert not entry.exists()
    store.make("abcd", Path("again"), lambda path: path.write_text("shard") and None)
    assert store.get("abcd", Path("third"))


def test_prune_keeps_what_was_used_last() -> None:
    for number, name in enumerate(("aaaa", "bbbb", "cccc")):
        store.put(name, made(f"out{number}", "x" * 1000))
        os.utime(store.STORE / name[:2] / f"{name}.sha256", ns=(number, number))
    assert store.get("aaaa", Path("used"))
    store.prune(2000 / 1e9)
    assert [store.get(name, Path(f"got-{name}")) for name in ("aaaa", "bbbb", "cccc")] == [True, False, True]


def test_prune_removes_what_a_killed_run_left() -> None:
    store.put("aaaa", made("out", "shard"))
    for name in ("aabb", ".aacc.123.partial", "aadd"):
        (store.STORE / "aa" / name).write_text("half")
        if name != "aadd":  # which another stage is about to finish
            os.utime(store.STORE / "aa" / name, (0, 0))
    store.prune(1)
    assert sorted(path.name for path in (store.STORE / "aa").iterdir()) == ["aaaa", "aaaa.sha256", "aadd"]


def work(folder: Path, seed: int) -> int:
    """Make the same few entries over and over, and prune in between; the number of times that one was found."""
    os.chdir(folder)
    chance, found = random.Random(seed), 0
    for turn in range(150):
        name = f"{chance.randrange(4):04d}"
        target = Path(f"out-{seed}-{turn}")
        found += store.get(name, target)
        store.make(name, target, lambda path, name=name: path.write_text(name * 2000) and None)
        assert target.read_text() == name * 2000
        if chance.random() < 0.3:
            store.prune(chance.choice((0.0, 2e-5, 1.0)))
    return found


def test_stages_may_share_the_store_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as executor:
        found = list(executor.map(work, [tmp_path] * 3, range(3)))
    assert all(0 < count < 150 for count in found)
    store.prune(0.0)
    assert not [path for path in store.STORE.rglob("*") if path.is_file()]


def test_keys_differ_by_every_part_and_by_code() -> None:
    keys = {
        store.key("prepare", params=1, cases=2),
        store.key("prepare", params=2, cases=2),
        store.key("prepare", params=1, cases=3),
        store.key("render", params=1, cases=2),
    }
    assert len(keys) == 4
    assert store.key("prepare", params=1, cases=2) in keys


def test_the_code_digest_follows_the_deps_of_dvc_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PROJECT", tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {s: {deps: [a.py, package, data.bin, '${x.y}']}}")
    (tmp_path / "package").mkdir()
    for name in ("a.py", "package/b.py", "data.bin", "unrelated.py"):
        (tmp_path / name).write_text("1")

    def digest_after(name: str) -> str:
        (tmp_path / name).write_text("2")
        store.code_digest.cache_clear()
        return store.code_digest("s")

    try:
        digests = [digest_after(name) for name in ("unrelated.py", "data.bin", "a.py", "package/b.py")]
    finally:
        store.code_digest.cache_clear()
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
