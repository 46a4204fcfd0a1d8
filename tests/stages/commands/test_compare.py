import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scans.errors import UserError
from stages.commands.compare import compare, interval, table
from stages.pages.results import Jaw
from tests.clones import commit, run
from tests.stages.finished_run import finish_run


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the runs `good`, of three cases, and `bad`, of two."""
    finish_run(tmp_path / "good", cases=3, noise=0.01)
    finish_run(tmp_path / "bad", cases=2, noise=0.04)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_folders_case_by_case(folders: Path) -> None:
    rows = {row["name"]: row for row in compare("./bad", str(folders / "good"), folders / "page.html")}
    assert rows["f_035"]["difference"] == pytest.approx(rows["f_035"]["b"] - rows["f_035"]["a"])
    assert 0 < rows["f_035"]["interval"][0] <= rows["f_035"]["difference"] <= rows["f_035"]["interval"][1]
    assert (rows["f_035"]["better"], rows["f_035"]["worse"]) == (2, 0)
    assert rows["chamfer_mm"]["difference"] < 0
    assert rows["chamfer_mm"]["better"] == 2, "a smaller distance is better"
    page = (folders / "page.html").read_text()
    assert "Only the 2 cases that both have count here; bad has 2, good has 3." in page
    assert "<code>report.cases</code>" in page, "a parameter that differs"
    assert page.count('<figure class="scene">') == 2
    assert str(folders) not in page
    compare("bad", "good", folders / "again.html")
    assert (folders / "again.html").read_text() == page


def test_differences_are_paired() -> None:
    """Both runs vary much from case to case, and the second is always better by the same."""
    shares = np.linspace(0.2, 0.8, 10)
    (row,) = table([{"a": {"f_035": share}, "b": {"f_035": share + 0.01}} for share in shares])
    assert row["interval"] == pytest.approx((0.01, 0.01))


def test_the_interval_is_that_of_a_mean() -> None:
    differences = np.random.default_rng(0).normal(0.3, 1, 400)
    low, high = interval(differences, "f_035") or (0, 0)
    spread = 1.96 * differences.std() / 20
    assert (low, high) == pytest.approx((differences.mean() - spread, differences.mean() + spread), abs=0.01)
    assert interval(differences[:1], "f_035") is None


def test_a_jaw_in_another_frame_has_the_same_millimetres() -> None:
    points = np.array([[1.0, 0, 0], [0, 0.5, 0]])
    jaw = Jaw(points, None, np.array([0, 10, -90.0]), 40.0, points, None)
    other = Jaw(points, None, np.array([1, 8, -95.0]), 30.0)
    moved = jaw.in_frame_of(other)
    assert np.allclose(moved.points * moved.radius + moved.center, points * 40 + [0, 10, -90])
    assert moved.vertices is not None
    assert np.allclose(moved.vertices, moved.points)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "nowhere: no such folder"), ("empty", r"empty/reports/metrics.json: not found. Run `dvc repro`")],
)
def test_a_run_that_is_not_there(folders: Path, name: str, message: str) -> None:
    (folders / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        compare("good", name, folders / "page.html")
    assert not (folders / "page.html").exists()


@pytest.mark.slow
def test_a_revision_from_git_and_dvc(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Git holds comes from Git, and what DVC keeps from DVC; once it is gone, only the means are compared."""
    clone = folders / "good"
    (clone / ".gitignore").write_text("/data\n/reports/cases.parquet\n/reports/predictions\n/reports/index.html\n")
    (clone / "dvc.yaml").write_text(
        "stages:\n  evaluate:\n    cmd: 'true'\n    outs:\n"
        "    - reports/cases.parquet: {persist: true}\n    - reports/predictions: {persist: true}\n"
    )
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True)
    run(clone, "dvc", "init", "-q")
    run(clone, "dvc", "commit", "-q", "-f")
    commit(clone)
    subprocess.run(["git", "tag", "first"], cwd=clone, check=True)
    monkeypatch.chdir(clone)
    rows = {row["name"]: row for row in compare("first", "../bad", Path("page.html"))}
    assert rows["f_035"]["interval"][1] < 0
    assert Path("page.html").read_text().count('<figure class="scene">') == 2
    run(clone, "git", "update-ref", "refs/exps/00/0000/tried", "first")
    assert {row["name"]: row for row in compare("tried", "../bad", Path("page.html"))} == rows
    shutil.rmtree(".dvc/cache/files")
    (means, *_) = compare("first", "../bad", Path("page.html"))
    assert means["interval"] is None
    page = Path("page.html").read_text()
    assert "reports/cases.parquet of first is neither in DVC&#39;s cache nor in its remote" in page
    assert "only the means to compare" in page
