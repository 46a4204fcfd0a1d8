"""A training step of `presets/best.yaml`: one case of ten 128 px views on one core, in processor time.

    python benchmarks/bench_step.py

The peers are the same step with the first layer of the pixel-aligned features computed for each pixel, as
reconstructions do, which have more points; with all 1 × 1 convolutions as matrix products, as PyTorch does with one
thread; and in bfloat16 by autocast (`train.precision: bf16-mixed`). Everything of a step is counted but reading the
case.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import yaml
from table import Row, offer
from torch import nn
from toy_jaw import toy_jaw

from model.cases.case import Case
from model.cases.summary import TrainingSummary
from model.networks import field
from model.networks.pointwise import PointwiseConv
from model.runtime.fabric import new_fabric
from model.runtime.memory import disable_malloc_trim
from model.training.feed import ReadCases
from model.training.loop import Run
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.preparing.normalise import center_and_radius, normalise
from scans.sampling.sample_surface import sample_surface
from stages.params.train import TrainParams
from stages.train import _config, _network

SIZE, ROUNDS = 128, 20
PRESET = Path(__file__).resolve().parents[1] / "presets" / "best.yaml"


def toy_case() -> Case:
    """The toy jaw with 50,000 points."""
    mesh = toy_jaw(20_000)
    samples = sample_surface(mesh, 50_000, np.random.default_rng(0), "uniform")
    center, radius = center_and_radius(samples.points)
    rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=SIZE, order=range(10))
    shading = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
    vertices = normalise(mesh.vertices, center, radius)
    return Case(
        id="toy",
        views=np.stack(render_views(vertices, mesh.faces, rig, shading, backend="numba", samples=1)),
        view_mask=np.ones(10, bool),
        points=normalise(samples.points, center, radius).astype(np.float32),
        radius=float(radius),
        cameras=camera_array(rig),
        normals=samples.normals.astype(np.float32),
        labels=samples.labels,
    )


def new_run(case: Case, folder: Path, precision: str) -> Run:
    """A training of the preset that shows all views in each step."""
    settings: dict[str, Any] = yaml.safe_load(PRESET.read_text(encoding="utf-8"))["train"]
    params = TrainParams(**settings | {"view_dropout": 0.0})
    summary = TrainingSummary(
        image_size=SIZE,
        views=10,
        crop="silhouette",
        mean_shape=case.points,
        seed_points=case.points[::25].copy(),
        mean_log_radius=float(np.log(case.radius)),
    )
    fabric = new_fabric(accelerator="cpu", devices=1, precision=precision)
    return Run(fabric, _network(params, summary), _config(params), 1000, folder)


def main() -> None:
    """Print times and their ratios."""
    torch.set_num_threads(1)
    disable_malloc_trim()
    case = toy_case()
    feed, only = ReadCases([case], torch.device("cpu")), np.array([0])
    pixelwise = SIZE + 1  # no query count is below the pixels of a map that is this much finer
    ours, products = PointwiseConv.forward, nn.Conv2d.forward
    ways: dict[str, tuple[str, int, Any]] = {
        "ours": ("32-true", field.FINEST, ours),
        "first layer at each pixel": ("32-true", pixelwise, ours),
        "1 × 1 convolutions as matrix products": ("32-true", field.FINEST, products),
        "bf16-mixed": ("bf16-mixed", field.FINEST, ours),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        runs = {precision: new_run(case, Path(folder), precision) for precision, *_ in ways.values()}
        for _ in range(ROUNDS + 2):  # they take turns; the first rounds warm up
            for way, (precision, finest, forward) in ways.items():
                field.FINEST, PointwiseConv.forward = finest, forward
                start = time.process_time()
                runs[precision].step(feed.batches([only]), only, [case], stopped=False)
                times[way].append(1e3 * (time.process_time() - start))
    medians = {way: median(spent[2:]) for way, spent in times.items()}
    print(f"median of {ROUNDS} steps, {SIZE} px, ms: {', '.join(f'{way} {ms:.0f}' for way, ms in medians.items())}")
    what = f"a step of `best`, one case, {SIZE} px"
    offer(*(Row("training", what, "ms", medians["ours"], way, ms) for way, ms in medians.items() if way != "ours"))


if __name__ == "__main__":
    main()
