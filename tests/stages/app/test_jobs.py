"""The queue of `tenview app` over its folder. Jaws fail here at once: the model in artifacts/ is none."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from scans.errors import UserError
from stages.app.jobs import DONE, FAILED, INTERRUPTED, QUEUED, RUNNING, Jobs
from stages.app.uploads import Dropped, Jaw
from stages.app.words import BUG, OUT_OF_MEMORY, messages, step
from tests.stages.app.earlier import put


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def scan(folder: Path, name: str = "ben.stl") -> Jaw:
    kept = folder / "kept"
    kept.write_bytes(b"solid")
    return Jaw("ben", {"jaw.stl": Dropped(kept, PurePosixPath(name))})


def state(results: Path, case_id: str) -> str:
    return json.loads((results / case_id / "case.json").read_text())["state"]


def test_work_that_was_cut_off_is_queued_again_but_not_for_ever(tmp_path: Path) -> None:
    for tries in (1, 2):
        put(tmp_path, f"cut-{tries}", state=RUNNING, tries=tries)
    put(tmp_path, "done", state=DONE)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/case.json").write_text("{")
    (tmp_path / ".uploads/x").mkdir(parents=True)
    (tmp_path / ".old.gone").mkdir()
    jobs = Jobs(tmp_path)
    assert {case.id: case.state for case in jobs.all()} == {"cut-1": QUEUED, "cut-2": INTERRUPTED, "done": DONE}
    assert state(tmp_path, "cut-2") == INTERRUPTED
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "cut-1", "cut-2", "damaged", "done"]
    cut = jobs.get("cut-2")
    assert cut
    assert "stopped twice" in messages(cut, tmp_path / "cut-2")[0]
    jobs.again(cut)
    assert state(tmp_path, "cut-2") == QUEUED
    assert step(cut, jobs.waiting_before(cut), tmp_path / "cut-2") == "waiting; 1 before it"


def test_a_folder_has_one_server(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    with pytest.raises(UserError, match="another `tenview app` works here"):
        Jobs(tmp_path)
    jobs.start()
    jobs.stop()
    Jobs(tmp_path)


@pytest.mark.slow
def test_a_failure_does_not_end_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artifacts/model").mkdir(parents=True)
    (tmp_path / "artifacts/model/network.safetensors").touch()
    jobs = Jobs(Path("results"))
    case = jobs.add(scan(tmp_path), {"crowns": "+z", "incisors": "-y"})
    jobs.start()
    for _ in range(2):
        wait_for(lambda: state(tmp_path / "results", case.id) == FAILED)
        (told,) = messages(case, jobs.folder(case.id))
        assert told.startswith("params.yaml: not found")
        jobs.again(case)
    wait_for(lambda: case.state == FAILED)
    jobs.stop()
    assert [case.id for case in Jobs(Path("results")).all()] == [case.id]


def test_deleting_ends_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artifacts/model").mkdir(parents=True)
    os.mkfifo(tmp_path / "params.yaml")  # reading it takes for ever
    (tmp_path / "artifacts/model/network.safetensors").touch()
    jobs = Jobs(Path("results"))
    case = jobs.add(scan(tmp_path), {})
    jobs.start()
    wait_for(lambda: case.state == RUNNING)
    assert jobs.seconds(case) >= 0
    jobs.delete(case)
    other = jobs.add(scan(tmp_path), {})
    wait_for(lambda: other.state == RUNNING)
    jobs.stop()
    assert state(tmp_path / "results", other.id) == QUEUED, "it goes on at the next start"
    assert [path.name for path in (tmp_path / "results").iterdir() if path.name != ".lock"] == [other.id]


@pytest.mark.parametrize(
    ("code", "log", "told"),
    [
        (-9, "", OUT_OF_MEMORY),
        (-11, "Fatal Python error: Segmentation fault", BUG),
        (1, "Traceback (most recent call last):\n  …\nKeyError: 1\n", BUG),
        (1, "", "the work ended without a word. Try again"),
        (
            1,
            "predict: results/1/jaw.stl: holds no faces\npredict: 0 of 1 jaws in results/1/out\n",
            "B.STL: holds no faces",
        ),
        (1, "predict: jaw: 2 holes\n", "2 holes"),
    ],
    ids=["killed", "crashed", "bug", "silent", "bad scan", "name of ours"],
)
def test_why_a_jaw_failed_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, log: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/1")
    put(Path("results"), "1", state=FAILED, exit_code=code, is_scan=True, files={"jaw.stl": "B.STL"})
    (folder / "log.txt").write_text(log)
    case = Jobs(Path("results")).get("1")
    assert case
    assert messages(case, folder) == [told]
