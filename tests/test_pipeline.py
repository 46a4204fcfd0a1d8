"""The whole pipeline in small, by real DVC in a clone of the project."""

import json
import re
from pathlib import Path

import pytest

from stages.cli import STAGES
from tests.clones import copy_of, kill_in, lock, run, start, toy_clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(finished_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished clone, which tests leave as they found it."""
    return copy_of(finished_clone, tmp_path_factory.mktemp("clone"))


def test_the_pipeline_ends_with_figures_and_a_page(finished_clone: Path) -> None:
    clone = finished_clone
    metrics = json.loads((clone / "reports/metrics.json").read_text())
    assert list(metrics) == ["model", "mean_shape", "retrieval", "random_case", "resampling_bound"]
    assert metrics["resampling_bound"]["f_035"] > metrics["random_case"]["f_035"]
    assert metrics["model"]["cases"] == 2
    assert 0 < metrics["mean_shape"]["f_035"] <= 1
    page = (clone / "reports/index.html").read_text()
    assert page.count('<h3 id="case-') == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "it loads nothing"
    assert not list(clone.glob("**/.*.partial")), "no half-written file is left"


def test_the_figures_can_be_recomputed_from_the_predictions(finished_clone: Path) -> None:
    import numpy as np
    import pandas
    from scipy.spatial import cKDTree

    clone = finished_clone
    predicted = pandas.read_parquet(next((clone / "reports/predictions").glob("*.parquet"))).set_index("id")
    truth = pandas.concat(map(pandas.read_parquet, (clone / "data/prepared").glob("test-*.parquet"))).set_index("id")
    precisions = []
    for case_id, row in predicted.iterrows():
        cloud, surface = (np.reshape(each, (-1, 3)) for each in (row["points"], truth.loc[case_id, "points"]))
        precisions.append(np.mean(cKDTree(surface).query(cloud)[0] <= 0.035))
    metrics = json.loads((clone / "reports/metrics.json").read_text())
    assert metrics["model"]["precision_035"] == pytest.approx(np.mean(precisions), abs=1e-6)


def test_a_second_run_does_nothing(clone: Path) -> None:
    before = lock(clone)
    ended = run(clone, "dvc", "repro")
    assert "Running stage" not in ended.stdout
    assert lock(clone) == before


def test_how_the_work_is_done_makes_nothing_stale(clone: Path) -> None:
    changed = ("workers: 1", "workers: 3"), ("executor: processes", "executor: dask")
    text = (clone / "params.yaml").read_text()
    for before, after in changed:
        assert before in text
        text = text.replace(before, after)
    (clone / "params.yaml").write_text(text)
    try:
        assert "up to date" in run(clone, "dvc", "status").stdout
    finally:
        run(clone, "git", "checkout", "-q", "params.yaml")


def test_a_changed_parameter_runs_its_stage_and_what_follows(clone: Path) -> None:
    ended = run(clone, "dvc", "repro", "--dry")
    assert "Running stage" not in ended.stdout
    ended = run(clone, "dvc", "exp", "run", "-S", "render.image_size=48", "--name", "smaller")
    ran = [line.split("'")[1] for line in ended.stdout.splitlines() if line.startswith("Running stage")]
    assert ran == list(STAGES)[2:]
    shown = json.loads(run(clone, "dvc", "exp", "show", "--json").stdout)
    assert "smaller" in json.dumps(shown)
    difference = json.loads(run(clone, "dvc", "params", "diff", "--json").stdout)
    assert difference["params.yaml"]["render.image_size"] == {"old": 64, "new": 48, "diff": -16}
    run(clone, "git", "checkout", "-q", "params.yaml")
    ended = run(clone, "dvc", "repro", "render")
    assert "Running stage" not in ended.stdout, "the old views come from DVC's run cache"


def test_a_change_in_a_camera_file_is_noticed(clone: Path) -> None:
    with open(clone / "rigs/between.csv", "a") as file:
        file.write("0,60,3,40\n")
    assert "Running stage 'render'" in run(clone, "dvc", "repro", "--dry").stdout
    run(clone, "git", "checkout", "-q", "rigs")


@pytest.mark.timeout(900)
def test_killed_runs_end_with_the_same_bytes(finished_clone: Path, tmp_path: Path) -> None:
    """SIGKILL in every stage, on DVC with its stage or on DVC alone, which orphans the stage; in two workers.

    `make soak` kills at random moments.
    """
    other = toy_clone(tmp_path)
    params = other / "params.yaml"
    params.write_text(params.read_text().replace("  workers: 1", "  workers: 2"))
    for number, stage in enumerate(STAGES):
        dvc = start(other, "dvc", "repro")
        kill_in(dvc, stage, orphan=number % 2 == 0)
    run(other, "dvc", "repro")
    assert lock(other) == lock(finished_clone)
    # In the store they are thrown away once they are old: another stage may still be writing.
    assert not [path for path in other.glob("**/.*.partial") if not {".dvc", ".tenview"} & {*path.parts}]
