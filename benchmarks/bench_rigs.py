"""What views and cameras are worth: trained runs on their test jaws with fewer views, and with cameras that are off.

    python benchmarks/bench_rigs.py 20 ../ring ../clinic

The number of test jaws, and folders of runs of the pipeline (params.yaml, data, artifacts); the runs share their jaws.
A network is told cameras that stand off those that took the pictures: each is turned about the jaw's centre, by the
angle and around a random axis, or moved along its line of sight, nearer or farther. Random numbers are seeded by
(SEED, case id). The reconstructions are those of `tenview evaluate`. There is no peer.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import yaml
from scipy.spatial.transform import Rotation

from model.cases.case import Case
from model.cases.dataset import CaseDataset
from model.metrics.distances import compare, metrics, unit_of
from model.networks.base import JawNetwork
from model.networks.checkpoint import load_checkpoint
from scans.cameras import TRANSFORM
from scans.seeds import generator
from stages.runtime.workspace import MODEL, NETWORK, PREPARED, VIEWS

SEED = 0
FEWER = {  # views by render.rig
    "ring": {5: [0, 2, 5, 7, 9], 4: [0, 3, 6, 9]},
    "clinic.csv": {5: [0, 1, 2, 3, 4], 4: [0, 1, 2, 3]},
}
DEGREES, PERCENT = (1, 3, 5), (1, 3, 5)

Told = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""What cameras (V, C) a network is told in place of the true ones."""


def turned(degrees: float) -> Told:
    """Each camera turned about the origin around an axis of its own."""

    def told(cameras: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        moved = cameras.copy()
        for camera, axis in zip(moved, rng.normal(size=(len(cameras), 3)), strict=True):
            matrix, turn = _matrix(camera), np.radians(degrees) * axis / np.linalg.norm(axis)
            matrix[:3] = Rotation.from_rotvec(-turn).as_matrix() @ matrix[:3]  # clockwise, as docs/results.md has it
            camera[TRANSFORM] = matrix.ravel()
        return moved

    return told


def shifted(percent: float) -> Told:
    """Each camera nearer to the origin or farther from it, by chance."""

    def told(cameras: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        moved = cameras.copy()
        for camera, sign in zip(moved, rng.choice([-1, 1], len(cameras)), strict=True):
            matrix = _matrix(camera)
            matrix[:3, 3] *= 1 + sign * percent / 100
            camera[TRANSFORM] = matrix.ravel()
        return moved

    return told


def _matrix(camera: np.ndarray) -> np.ndarray:
    return camera[TRANSFORM].reshape(4, 4).copy()


def conditions(rig: str) -> Iterator[tuple[str, list[int] | None, Told]]:
    """Name of a row, the views that are shown (None for all), and what is told of their cameras."""

    def truth(cameras: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return cameras

    yield "10 views", None, truth
    for count, views in FEWER[rig].items():
        yield f"{count} views", views, truth
    for degrees in DEGREES:
        yield f"10 views, cameras off by {degrees}°", None, turned(degrees)
    for percent in PERCENT:
        yield f"10 views, cameras off by {percent} %", None, shifted(percent)


def measure_case(network: JawNetwork, case: Case, rig: str) -> dict[str, dict[str, float]]:
    """The distance metrics of a jaw by row."""
    assert case.cameras is not None
    found = {}
    for name, shown, told in conditions(rig):
        mask = case.view_mask if shown is None else np.isin(np.arange(len(case.view_mask)), shown)
        cameras = told(case.cameras, generator(SEED, case.id))
        made = network.reconstruct(case.views, mask, cameras, len(case.points))
        unit = unit_of(case.points)
        found[name] = metrics(compare(made.points, case.points, unit), case.radius * unit)
    return found


def measure_run(run: Path, jaws: int) -> dict[str, str]:
    """F-scores in per cent and Chamfer distance in mm by row, means of the first test jaws."""
    network, _ = load_checkpoint(run / MODEL / NETWORK)
    rig = yaml.safe_load((run / "params.yaml").read_text(encoding="utf-8"))["render"]["rig"]
    cases = [
        measure_case(network, case, rig) for case in islice(CaseDataset(run / PREPARED, run / VIEWS, "test"), jaws)
    ]
    return {name: _figures([case[name] for case in cases]) for name in cases[0]}


def _figures(rows: list[dict[str, float]]) -> str:
    f_035, f_010, chamfer = (fmean(row[key] for row in rows) for key in ("f_035", "f_010", "chamfer_mm"))
    return f"{100 * f_035:.1f} / {100 * f_010:.1f} / {chamfer:.2f}"


def main() -> None:
    """Print the table in Markdown."""
    if len(sys.argv) < 3:
        print("bench_rigs: name a number of test jaws and folders of trained runs")
        return
    torch.set_num_threads(1)
    jaws, runs = int(sys.argv[1]), [Path(each) for each in sys.argv[2:]]
    columns = [measure_run(run, jaws) for run in runs]
    print(f"| F-score at 0.035, at 0.010, Chamfer in mm | {' | '.join(run.name for run in runs)} |")
    print("|---" * (len(runs) + 1) + "|")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")


if __name__ == "__main__":
    main()
