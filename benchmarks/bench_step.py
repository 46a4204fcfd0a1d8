"""A training step of `presets/best.yaml`: one case of ten 128 px views on one core, in processor time.

    python benchmarks/bench_step.py

The peers are the same step with the first layer of the pixel-aligned features computed for each pixel, as
reconstructions do, which have more points; with all 1 × 1 convolutions as matrix products, as PyTorch does with one
thread; with PyTorch's batch norm, ReLU6 and pooling over the views; with its projection of query points and its samples
of feature maps; with the k-d tree of the case's points built in each step, as where cases are not kept; with all of
these; and in bfloat16 by autocast (`train.precision: bf16-mixed`). Reading the case is not counted.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from table import Row, offer
from torch import nn
from toy_jaw import toy_jaw

from model.cases.case import Case
from model.cases.summary import TrainingSummary
from model.networks import field, fused_norm, interpolation, pixel_aligned, viewing
from model.networks.pointwise import PointwiseConv
from model.runtime.fabric import new_fabric
from model.runtime.memory import disable_malloc_trim
from model.training.feed import CaseFeed, KeptCases, ReadCases
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


class Way(NamedTuple):
    """How a step is made; by default as a training does."""

    precision: str = "32-true"
    finest: int = field.FINEST
    pointwise: Any = PointwiseConv.forward
    most_threads: int = fused_norm.MOST_THREADS
    projected: Any = viewing.viewing_of
    in_pytorch: Any = interpolation._in_pytorch
    kept: bool = True


def main() -> None:
    """Print times and their ratios."""
    torch.set_num_threads(1)
    disable_malloc_trim()
    case, cpu = toy_case(), torch.device("cpu")
    only = np.array([0])
    feeds: dict[bool, CaseFeed] = {True: KeptCases([case], cpu), False: ReadCases([case], cpu)}
    plain: dict[str, Any] = {"projected": viewing._viewing_in_pytorch, "in_pytorch": lambda _: True}
    pixelwise = SIZE + 1  # no query count is below the pixels of a map that is this much finer
    ways = {
        "ours": Way(),
        "first layer at each pixel": Way(finest=pixelwise),
        "1 × 1 convolutions as matrix products": Way(pointwise=nn.Conv2d.forward),
        "PyTorch's batch norm, ReLU6 and pooling": Way(most_threads=0),
        "PyTorch's projection and samples": Way(**plain),
        "k-d tree in each step": Way(kept=False),
        "all five": Way(finest=pixelwise, pointwise=nn.Conv2d.forward, most_threads=0, kept=False, **plain),
        "bf16-mixed": Way(precision="bf16-mixed"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        runs = {precision: new_run(case, Path(folder), precision) for precision in ("32-true", "bf16-mixed")}
        for _ in range(ROUNDS + 2):  # they take turns; the first rounds warm up
            for name, way in ways.items():
                field.FINEST, PointwiseConv.forward = way.finest, way.pointwise
                fused_norm.MOST_THREADS = way.most_threads
                pixel_aligned.viewing_of, interpolation._in_pytorch = way.projected, way.in_pytorch
                start = time.process_time()
                runs[way.precision].step(feeds[way.kept].batches([only]), only, [case], stopped=False)
                times[name].append(1e3 * (time.process_time() - start))
    medians = {name: median(spent[2:]) for name, spent in times.items()}
    print(f"median of {ROUNDS} steps, {SIZE} px, ms: {', '.join(f'{name} {ms:.0f}' for name, ms in medians.items())}")
    what = f"a step of `best`, one case, {SIZE} px"
    offer(*(Row("training", what, "ms", medians["ours"], name, ms) for name, ms in medians.items() if name != "ours"))


if __name__ == "__main__":
    main()
