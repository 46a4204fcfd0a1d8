import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flows.artifacts import metrics_table
from flows.pages import served_reports
from stages.pages.data_uri import data_uri
from stages.runtime.progress import LINE, track
from tests.clones import commit


def test_metrics_stand_beside_those_of_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    metrics = tmp_path / "reports/metrics.json"
    metrics.parent.mkdir()
    metrics.write_text(json.dumps({"arch": {"f_035": 0.5}, "model": {"cases": 2, "f_035": 0.25}}))
    stage = "stages: {evaluate: {cmd: 'true', metrics: [{reports/metrics.json: {cache: false}}]}}"
    (tmp_path / "dvc.yaml").write_text(stage)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([Path(sys.executable).with_name("dvc"), "init", "-q"], check=True)
    commit(tmp_path)
    metrics.write_text(json.dumps({"arch": {"f_035": 0.5}, "model": {"cases": 2, "f_035": 0.75}}))
    lines = metrics_table().splitlines()
    assert lines[0] == "| metric | model | last commit | difference | arch |"
    assert sorted(lines[2:]) == ["| cases | 2 | 2 | 0 | – |", "| f_035 | 0.75 | 0.25 | 0.5 | 0.5 |"]


def test_without_a_repository_the_reason_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert metrics_table().startswith("dvc metrics diff --all --json: ERROR")


def test_progress_is_read_from_the_lines_that_a_stage_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), 3, "rendering shards")) == [0, 1, 2]
    (line,) = capsys.readouterr().err.splitlines()
    found = LINE.match(line)
    assert found
    assert found.groupdict() == {"what": "rendering shards", "done": "3", "total": "3"}


def test_the_report_is_served_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    with served_reports(0) as first, served_reports(int(first.rsplit(":")[-1])) as second:
        assert first != second, "a port that is taken"
        (tmp_path / "reports/index.html").write_text("new")
        for address in (first, second):
            with urllib.request.urlopen(f"{address}/index.html", timeout=20) as answer:
                assert answer.read() == b"new"


def test_a_picture_travels_in_its_address(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with urllib.request.urlopen(data_uri((tmp_path / "a.png").read_bytes()), timeout=20) as answer:
        assert answer.read() == b"\x89PNG"
