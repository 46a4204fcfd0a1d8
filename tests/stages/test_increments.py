"""prepare and render with the store: what is done already is not done again, and the bytes are the same."""

import hashlib
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from scans.shards.naming import group_cases
from stages import download, prepare, render
from stages.params.tree import Params, check
from stages.runtime import store

MEAN = 3  # cases per shard


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("incoming").mkdir()


@pytest.fixture
def add(horseshoe: Callable[[float], Mesh]) -> Callable[[str], None]:
    def one(name: str) -> None:
        height = 8 + zlib.crc32(name.encode()) / 2**32 * 5  # of each name another: equal files are one case
        Path(f"incoming/{name}.obj").write_bytes(encode_obj(horseshoe(height)))

    return one


def params(image_size: int = 16) -> Params:
    values = {
        "download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y"}},
        "prepare": {
            "points": 64, "sampling": "uniform", "cases_per_shard": MEAN,
            "validation_share": 0.0, "test_share": 0.0,
        },
        "render": {"image_size": image_size, "samples": 1},
        "compute": {"workers": 1},
    }  # fmt: skip
    return check(values, "params.yaml")


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The cases that were prepared anew, as they come."""
    cases: list[str] = []
    real = prepare.prepare_case

    def noted(case, *rest):  # type: ignore[no-untyped-def]
        cases.append(case.id)
        return real(case, *rest)

    monkeypatch.setattr(prepare, "prepare_case", noted)
    return cases


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards that were rendered anew."""
    shards: list[str] = []
    real = render._render_shard

    def noted(shard, path):  # type: ignore[no-untyped-def]
        shards.append(shard.source.name)
        real(shard, path)

    monkeypatch.setattr(render, "_render_shard", noted)
    return shards


def run(settings: Params) -> dict[str, str]:
    """Digests of the shards, made by all stages."""
    for stage in (download, prepare, render):
        stage.run(settings)
    shards = [path for folder in (prepare.PREPARED, render.VIEWS) for path in folder.glob("*.parquet")]
    return {str(path): store.file_digest(path) for path in sorted(shards)}


def test_new_scans_touch_only_their_shards(
    add: Callable[[str], None], prepared: list[str], rendered: list[str]
) -> None:
    old = [f"case{number:02d}" for number in range(30)]
    for name in old:
        add(name)
    run(params())
    shards = len(rendered)
    assert (sorted(prepared), shards) == (old, len(group_cases(old, MEAN)))
    prepared.clear()
    rendered.clear()
    run(params())
    assert (prepared, rendered) == ([], [])

    new = ["case07b", "case07c", "case21b"]
    for name in new:
        add(name)
    again = run(params())
    touched = [group for group in group_cases([*old, *new], MEAN) if group not in group_cases(old, MEAN)]
    assert sorted(prepared) == sorted(name for group in touched for name in group)
    assert len(rendered) == len(touched) <= shards / 2

    prepared.clear()
    store.prune(0.0)
    assert run(params()) == again, "the same as from scratch"
    assert len(prepared) == len(old) + len(new)


def test_a_change_of_the_rendering_prepares_nothing(
    add: Callable[[str], None], prepared: list[str], rendered: list[str]
) -> None:
    for number in range(6):
        add(f"case{number}")
    run(params())
    done = len(rendered)
    prepared.clear()
    run(params(image_size=24))
    assert (prepared, len(rendered)) == ([], 2 * done)
    run(params())
    assert len(rendered) == 2 * done, "the first size is still in the store"


KILLED = """
import os, signal, sys
sys.path.insert(0, {project!r})
from stages import prepare
from stages.params.tree import check
real, count = prepare.prepare_case, 0
def dying(*arguments):
    global count
    count += 1
    if count == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
prepare.prepare_case = dying
prepare.run(check({values!r}, ""))
"""


def test_a_killed_stage_goes_on_where_it_was(add: Callable[[str], None], prepared: list[str], project: Path) -> None:
    names = [f"case{number:02d}" for number in range(24)]
    for name in names:
        add(name)
    download.run(params())
    code = KILLED.format(project=str(project), values=params().model_dump(mode="python"))
    ended = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, "PYTHONPATH": str(project)})
    assert ended.returncode == -signal.SIGKILL
    assert not prepare.PREPARED.exists()
    resumed = run(params())
    half_done = next(group for group in group_cases(names, MEAN) if names[19] in group)
    assert prepared == names[names.index(half_done[0]) :]
    assert not list(Path("data").glob(".*")), "what the killed run left is gone"
    store.prune(0.0)
    assert run(params()) == resumed


def test_a_rotten_shard_in_the_store_is_made_again(add: Callable[[str], None], prepared: list[str]) -> None:
    names = [f"case{number}" for number in range(9)]
    for name in names:
        add(name)
    first = run(params())
    victim = prepare.PREPARED / "train-00001-of-00002.parquet"
    digest = first[str(victim)]
    (entry,) = (path for path in store.STORE.glob("*/*") if store.file_digest(path) == digest)
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.unlink()  # its inode is the output's too
    entry.write_bytes(content)
    assert hashlib.sha256(content).hexdigest() != digest
    prepared.clear()
    assert run(params()) == first
    assert 0 < len(prepared) < len(names)
