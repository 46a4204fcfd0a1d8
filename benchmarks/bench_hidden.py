"""How much of a reconstruction's errors lies where no picture shows the jaw.

    python benchmarks/bench_hidden.py RUN MODEL

RUN is a folder of the pipeline (data/prepared, data/views), MODEL a folder of `tenview export`. A ground-truth point
of a test jaw counts as seen if a view sees the nearest vertex of the ground-truth mesh, by a depth test; a predicted
one by the same test against the predicted mesh. Precision is of the predicted points, recall of the ground-truth
ones, each among the seen or the hidden alone; their distances are to all points of the other cloud. Jaws without a
hidden point in either cloud are left out of the means of these. There is no peer.
"""

import math
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from model.cases.dataset import CaseDataset
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.geometry.visible import viewing_cosines
from model.metrics.distances import THRESHOLDS, compare, precision_recall_f, unit_of
from renderers.normals import vertex_normals
from scans.mesh import Mesh
from scans.shards.naming import shard_paths
from scans.shards.prepared import read_meshes
from stages.prediction.trained import load_trained
from stages.runtime.workspace import PREPARED, VIEWS

FIGURES = ("precision", "recall", "F")


def seen(points: np.ndarray, mesh: Mesh, cameras: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a view sees the vertex of the mesh that is nearest to each point."""
    cosines = viewing_cosines(mesh.vertices, mesh.faces, vertex_normals(mesh.vertices, mesh.faces), cameras)
    queries, targets = (IndexedPoints.build(torch.tensor(each)) for each in (points, mesh.vertices))
    return (cosines.max(axis=0) > 0)[nearest_neighbours(queries, targets).numpy()]


def main() -> None:
    """Print means over the test jaws, in per cent."""
    if len(sys.argv) != 3:
        print("bench_hidden: name a folder where the pipeline has run, and an exported model")
        return
    torch.set_num_threads(1)
    run = Path(sys.argv[1])
    network = load_trained(Path(sys.argv[2])).network
    meshes = chain.from_iterable(read_meshes(path) for path in shard_paths(run / PREPARED, "test"))
    rows: list[dict[str, float]] = []
    for case, (_, _, mesh) in zip(CaseDataset(run / PREPARED, run / VIEWS, "test"), meshes, strict=True):
        made = network.reconstruct(case.views, case.view_mask, case.cameras, len(case.points))
        assert made.confidence is not None
        assert case.cameras is not None
        found = compare(made.points, case.points, unit_of(case.points))
        true, predicted = seen(case.points, mesh, case.cameras[case.view_mask]), made.confidence.views_seen > 0
        row = {"hidden, of the true": float(np.mean(~true)), "hidden, of the predicted": float(np.mean(~predicted))}
        for name, gt, pred in (
            ("all", true | True, predicted | True),
            ("seen", true, predicted),
            ("hidden", ~true, ~predicted),
        ):
            part = found._replace(pred_to_gt=found.pred_to_gt[pred], gt_to_pred=found.gt_to_pred[gt])
            for suffix, threshold in THRESHOLDS.items():
                figures = precision_recall_f(part, threshold) if pred.any() and gt.any() else (math.nan,) * 3
                row |= {f"{name}, {what} {suffix}": value for what, value in zip(FIGURES, figures, strict=True)}
        rows.append(row)
    for name in rows[0]:
        print(f"{name:28}{100 * np.nanmean([row[name] for row in rows]):7.1f} %")


if __name__ == "__main__":
    main()
