import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from scans.errors import UserError
from stages import report
from stages.params.tree import load
from stages.runtime.workspace import PAGE
from tests.stages.finished_run import add_expected_errors, add_meshes, add_teeth_and_intervals, finish_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three cases, in which the test runs."""
    finish_run(tmp_path, cases=3, noise=0.01)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written() -> str:
    report.run(load())
    return PAGE.read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_is_the_same_each_time(run: Path) -> None:
    page = written()
    markup = re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)  # parameters may be addresses
    assert not re.findall(r"https?:|(?:src|href)=\"(?!data:|#)|@import|url\((?!#)", markup)
    assert written() == page
    assert str(run) not in page


@pytest.mark.usefixtures("run")
def test_the_page_without_what_is_optional() -> None:
    page = written()
    assert "Tooth by tooth" not in page
    assert "no dvc.lock" in page
    assert "77.5 %" in page, "the papers' accuracy"
    assert re.findall(r"<h3 .*>(A\d\d):", page) == ["A02", "A01", "A00"]
    assert re.findall(r"\((worst|median|best), \d of 3\)", page) == ["worst", "median", "best"]


def test_teeth_intervals_and_surfaces_where_there_are_some(run: Path) -> None:
    add_teeth_and_intervals(run)
    add_meshes(run)
    page = written()
    assert "<small>12.3 % – 98.7 %</small>" in page
    assert "1 more metrics" in page
    assert re.search(r"label accuracy</th>\s*<td class=\"own\">50.0 %", page)
    assert "<title>16: 0.70</title>" in page
    assert "<title>17: no case</title>" in page
    assert "gingiva 0.10 mm" in page
    assert page.count("predicted surface</label>") == 3


def test_digests_of_dvc_lock_and_whether_the_files_are_those(run: Path) -> None:
    curves = "6f1ed002ab5595859014ebf0951522d9"
    lock = """
stages:
  evaluate:
    outs:
    - {path: reports/curves.csv, md5: %s}
    - {path: data/gone, md5: abcdef.dir}
  report:
    outs:
    - {path: reports/index.html, md5: later}
"""
    (run / "reports/curves.csv").write_text("threshold,model\n0.035,1\n")
    (run / "dvc.lock").write_text(lock % curves)
    page = written()
    assert curves in page
    assert "abcdef.dir" in page
    assert "later" not in page
    assert "the file here has another digest" in page
    (run / "dvc.lock").write_text(lock % hashlib.md5((run / "reports/curves.csv").read_bytes()).hexdigest())
    assert "the file here has another digest" not in written()


def test_predictions_of_other_cases_are_refused(run: Path, tmp_path: Path) -> None:
    finish_run(tmp_path / "fewer", cases=1, noise=0.01)
    (tmp_path / "fewer/reports/predictions").rename(run / "fewer-predictions")
    (run / "reports/predictions").rename(run / "old")
    (run / "fewer-predictions").rename(run / "reports/predictions")
    with pytest.raises(UserError, match=r"cases.parquet: about other cases than .*Run `tenview evaluate` again"):
        written()


def test_expected_errors_colour_the_prediction(run: Path) -> None:
    assert "expected error</option>" not in written()
    add_meshes(run)
    add_expected_errors(run)
    page = written()
    assert page.count("expected error</option>") == 3
    scene = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', page)[0])
    values = {layer["name"]: layer["values"] for layer in scene["layers"]}
    assert "expected" not in values["ground truth"]
    for name in ("prediction", "predicted surface"):  # half of the worst that has a colour
        assert {*base64.b64decode(values[name]["expected"])} == {128}


@pytest.mark.slow
def test_forty_cases_stay_under_15_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_run(tmp_path, cases=40, noise=0.001, points=20_000)
    add_meshes(tmp_path)
    monkeypatch.chdir(tmp_path)
    page = written()
    assert page.count('<figure class="scene">') == 40
    assert 9e6 < len(page.encode()) < 15e6
