"""The whole pipeline in small, by real DVC in a clone of the project."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from stages.cli import STAGES
from tests.clones import environment, new_clone, run, write_params

pytestmark = pytest.mark.slow

SMALL = """
download: {synthetic: {jaws: 6, test_jaws: 2, voxel_size: 1.2}}
prepare: {points: 512, validation_fraction: 0.25, cases_per_shard: 1}
render: {image_size: 32, samples: 1}
train:
  epochs: 2
  batch_size: 2
  network: {encoder: mobilenetv2_035, width: 16, heads: 2}
  cloud: {hidden: 16}
report: {cases: 2}
"""


@pytest.fixture(scope="module")
def clone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which the pipeline has run once."""
    folder = new_clone(project, tmp_path_factory.mktemp("clone"), SMALL)
    run(folder, "dvc", "repro")
    return folder


def lock(clone: Path) -> dict:
    return YAML(typ="safe").load(clone / "dvc.lock")["stages"]


@pytest.fixture(scope="module")
def first_lock(clone: Path) -> dict:
    """dvc.lock after the first run."""
    return lock(clone)


@pytest.mark.usefixtures("first_lock")
def test_the_pipeline_ends_with_figures_and_a_page(clone: Path) -> None:
    metrics = json.loads((clone / "reports/metrics.json").read_text())
    assert list(metrics) == ["model", "mean_shape", "retrieval", "random_case", "resampling_bound"]
    assert metrics["resampling_bound"]["f_035"] > metrics["random_case"]["f_035"]
    assert metrics["model"]["cases"] == 2
    assert 0 < metrics["mean_shape"]["f_035"] <= 1
    page = (clone / "reports/index.html").read_text()
    assert page.count('<h3 id="case-') == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "it loads nothing"
    assert not list(clone.glob("**/.*.partial")), "no half-written file is left"


def test_the_figures_can_be_recomputed_from_the_predictions(clone: Path) -> None:
    import numpy as np
    import pandas
    from scipy.spatial import cKDTree

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
    write_params(clone, SMALL + "compute: {workers: 3, executor: dask, store_gigabytes: 1.0}\n")
    try:
        assert "up to date" in run(clone, "dvc", "status").stdout
    finally:
        run(clone, "git", "checkout", "-q", "params.yaml")


def test_a_changed_parameter_runs_its_stage_and_what_follows(clone: Path) -> None:
    ended = run(clone, "dvc", "repro", "--dry")
    assert "Running stage" not in ended.stdout
    ended = run(clone, "dvc", "exp", "run", "-S", "render.image_size=48", "--name", "bigger")
    ran = [line.split("'")[1] for line in ended.stdout.splitlines() if line.startswith("Running stage")]
    assert ran == list(STAGES)[2:]
    shown = json.loads(run(clone, "dvc", "exp", "show", "--json").stdout)
    assert "bigger" in json.dumps(shown)
    difference = json.loads(run(clone, "dvc", "params", "diff", "--json").stdout)
    assert difference["params.yaml"]["render.image_size"] == {"old": 32, "new": 48, "diff": 16}
    run(clone, "git", "checkout", "-q", "params.yaml")
    ended = run(clone, "dvc", "repro")
    assert "Running stage 'render'" not in ended.stdout, "the old views come from DVC's run cache"


def test_a_change_in_a_camera_file_is_noticed(clone: Path) -> None:
    with open(clone / "rigs/between.csv", "a") as file:
        file.write("0,60,3,40\n")
    assert "Running stage 'render'" in run(clone, "dvc", "repro", "--dry").stdout
    run(clone, "git", "checkout", "-q", "rigs")


def running_stage(pid: int) -> str:
    """The stage that a running DVC has started, if any."""
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if any("tenview" in word for word in line):
                return line[-1]
    return "between stages"


@pytest.mark.timeout(600)
def test_killed_runs_end_with_the_same_bytes(first_lock: dict, project: Path, tmp_path: Path) -> None:
    """SIGKILL at moments all over the pipeline, on DVC with its stage or on DVC alone, which orphans the stage."""
    other = new_clone(project, tmp_path, SMALL)
    chance = random.Random(0)
    program = Path(sys.executable).with_name("dvc")
    kills = []
    for attempt in range(60):
        with open(other / "killed.log", "a") as log:
            dvc = subprocess.Popen(
                [program, "repro"], cwd=other, env=environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            assert dvc.wait(timeout=chance.uniform(1.0, 4.0 + attempt)) == 0, (other / "killed.log").read_text()
            break
        except subprocess.TimeoutExpired:
            kills.append(running_stage(dvc.pid))
            if attempt % 2:
                os.killpg(dvc.pid, signal.SIGKILL)
            else:
                dvc.kill()
            dvc.wait()
    assert len(set(kills)) >= 4, f"too few stages were killed: {kills}"
    assert lock(other) == first_lock
    # In the store they are thrown away once they are old: another stage may still be writing.
    assert not [path for path in other.glob("**/.*.partial") if not {".dvc", ".tenview"} & {*path.parts}]


def test_two_runs_from_scratch_give_the_same_bytes(first_lock: dict, project: Path, tmp_path: Path) -> None:
    other = new_clone(project, tmp_path, SMALL)
    write_params(other, SMALL + "compute: {workers: 1}\n")
    run(other, "dvc", "repro")
    assert lock(other) == first_lock
