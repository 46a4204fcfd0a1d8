"""Makes reconstruction.png: scans beside their reconstructions, and how far these are off.

    python docs/images/reconstruction.py "synthetic, median" RUN CASE "real cast" RUN CASE ...

A row for each title, folder of the pipeline (data/prepared, data/views) and id of a test case. The model is the one in
pretrained/; the reconstructions are those of `tenview evaluate`.
"""

import sys
from itertools import chain
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from model.cases.dataset import CaseDataset
from model.metrics.distances import compare
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans.mesh import Mesh
from scans.shards.naming import shard_paths
from scans.shards.prepared import read_meshes
from stages.prediction.trained import load_trained
from stages.runtime.workspace import PREPARED, VIEWS

PROJECT = Path(__file__).resolve().parents[2]
SHADING = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
OBLIQUE, TOP = 1, 9  # of the ring's views
FARTHEST_MM = 1.0  # of the colour scale


def pictures(mesh: Mesh) -> np.ndarray:
    """(2, H, W): from the side and from above."""
    rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=38, image_size=480, order=range(10))
    return render_views(mesh.vertices, mesh.faces, [rig[OBLIQUE], rig[TOP]], SHADING, backend="numba", samples=4)


def main() -> None:
    """Write the picture beside this file."""
    if len(sys.argv) < 4 or len(sys.argv) % 3 != 1:
        sys.exit("reconstruction: name rows of a title, a folder where the pipeline has run and a case")
    torch.set_num_threads(1)
    network = load_trained(PROJECT / "pretrained").network
    rows = [sys.argv[n : n + 3] for n in range(1, len(sys.argv), 3)]
    figure, axes = plt.subplots(len(rows), 5, figsize=(12, 2.45 * len(rows)), squeeze=False, layout="constrained")
    for line, (title, run, name) in zip(axes, rows, strict=True):
        cases = CaseDataset(Path(run) / PREPARED, Path(run) / VIEWS, "test")
        meshes = chain.from_iterable(read_meshes(path) for path in shard_paths(Path(run) / PREPARED, "test"))
        case, scan = next((case, mesh) for case, (id_, _, mesh) in zip(cases, meshes, strict=True) if id_ == name)
        made = network.reconstruct(case.views, case.view_mask, case.cameras, len(case.points))
        assert made.mesh is not None
        truth, ours = pictures(scan), pictures(made.mesh)
        for axis, picture in zip(line, (truth[0], ours[0], truth[1], ours[1]), strict=False):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
        distances = compare(made.points, case.points).pred_to_gt * case.radius
        order = made.points[:, 2].argsort()
        x, y, _ = made.points[order].T
        shown = line[4].scatter(x, y, c=distances[order], s=0.4, vmin=0, vmax=FARTHEST_MM, rasterized=True)
        line[4].set(aspect="equal", xlim=(-1, 1), ylim=(1, -1))
        line[0].set_ylabel(title)
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, text in zip(axes[0], ("scan", "reconstruction") * 2 + ("distance to the scan, mm",), strict=True):
        axis.set_title(text, fontsize=10)
    figure.colorbar(shown, ax=axes[:, 4], shrink=0.6)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=100)


if __name__ == "__main__":
    main()
