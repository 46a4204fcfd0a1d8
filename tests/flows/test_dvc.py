"""Real DVC in a project of two stages that only shell commands make."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.dvc import Dvc, output, read_lines, stage_of, wait_for_others
from scans.errors import UserError
from stages.runtime.system import DVC
from tests.clones import commit

PIPELINE = """
stages:
  download:
    cmd: "test -f ready || { touch ready; echo tenview: no answer >&2; exit 3; }; mkdir data; cp in data/a"
    deps: [in]
    outs: [data]
  render:
    cmd: cat data/a > views
    deps: [data]
    outs: [views]
"""

UNTIL_TOLD = """
stages: {render: {cmd: "touch views at_work; while [ -e at_work ]; do sleep 0.1; done", outs: [views]}}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a pipeline whose first stage fails the first time."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "in").write_text("scans")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([Path(sys.executable).with_name("dvc"), "init", "-q"], check=True)
    commit(tmp_path)
    return tmp_path


def follow(dvc: Dvc) -> list[tuple[str, str]]:
    """Stages and their outcomes, to the end."""
    found = []
    while True:
        list(dvc.before_stage())
        if (stage := dvc.stage()) is None:
            return found
        found.append(stage)


@pytest.mark.usefixtures("small")
def test_stages_are_told_as_they_come_and_a_failed_run_can_start_again() -> None:
    with Dvc("repro") as dvc:
        assert follow(dvc) == [("download", "ran")]
        assert dvc.code
        assert "tenview: no answer" in dvc.last_lines
        dvc.again()
        assert follow(dvc) == [("download", "ran"), ("render", "ran")]
        assert dvc.code == 0
    with Dvc("repro") as dvc:
        assert follow(dvc) == [("download", "unchanged"), ("render", "unchanged")]


@pytest.mark.usefixtures("small")
def test_another_dvc_is_waited_for_and_what_it_is(small: Path) -> None:
    (small / "dvc.yaml").write_text(UNTIL_TOLD)
    other = subprocess.Popen([DVC, "repro"], stdout=subprocess.DEVNULL)
    while not (small / "at_work").exists():
        time.sleep(0.05)
    told: list[str] = []
    waiting = threading.Thread(target=wait_for_others, args=(told.append,), daemon=True)
    waiting.start()
    while not told:
        time.sleep(0.05)
    assert told == [f"waiting for process {other.pid}: dvc {DVC} repro"]
    assert waiting.is_alive()
    (small / "at_work").unlink()
    waiting.join(60)
    assert not waiting.is_alive()
    assert other.wait(60) == 0


def test_a_dvc_that_came_in_between_is_waited_for(small: Path) -> None:
    (small / "dvc.yaml").write_text(UNTIL_TOLD)
    other = subprocess.Popen([DVC, "repro"], stdout=subprocess.DEVNULL)
    while not (small / "at_work").exists():
        time.sleep(0.05)
    threading.Timer(5, (small / "at_work").unlink).start()  # by then the next one has failed
    with Dvc("repro") as dvc:
        lines = list(dvc.before_stage())
        assert [line for line in lines if line.startswith("waiting for process")], lines
        assert dvc.stage() == ("render", "unchanged")
    assert other.wait(60) == 0


def test_leaving_early_ends_dvc_and_its_stage(small: Path) -> None:
    (small / "dvc.yaml").write_text("stages:\n  render:\n    cmd: echo $$ > id; sleep 600\n    outs: [views]\n")
    with Dvc("repro") as dvc:
        list(dvc.before_stage())
        while not (small / "id").exists() or not (small / "id").read_text():
            time.sleep(0.05)
    assert subprocess.run(["kill", "-0", (small / "id").read_text().strip()], check=False).returncode, "it still runs"


@pytest.mark.usefixtures("small")
def test_what_dvc_says_is_the_users_error() -> None:
    with pytest.raises(UserError, match=r"dvc metrics diff nowhere: .*nowhere"):
        output("metrics", "diff", "nowhere")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Running stage 'train':", ("train", "ran")),
        ("Stage 'train' didn't change, skipping", ("train", "unchanged")),
        ("Stage 'train' is cached - skipping run, checking out outputs", ("train", "restored")),
        ("train: 3 cases", None),
    ],
)
def test_dvcs_lines_about_stages(line: str, told: tuple[str, str] | None) -> None:
    assert stage_of(line) == told


def test_a_bar_that_is_drawn_again_and_again_gives_few_lines() -> None:
    text = "start\n" + "".join(f"{share}%\r" for share in range(100)) + "\n\nend\r\n\xff"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({text.encode('latin-1')!r})"],
        stdout=subprocess.PIPE,
    )
    seconds = iter(range(1000))
    lines = list(read_lines(process, clock=lambda: next(seconds) / 2))
    process.wait()
    assert (lines[0], lines[-2:]) == ("start", ["end", "\N{REPLACEMENT CHARACTER}"])
    assert 3 <= len(lines) - 3 <= 8
