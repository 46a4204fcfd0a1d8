"""What training needs to know of all training cases before it starts: mean shape and seed points, on one core.

    python benchmarks/bench_mean_shape.py

216 jaws of 50,000 points, a toy jaw of other proportions each; reading them is not counted. There is no peer.
"""

import time

import numpy as np
import torch
from table import Row, offer
from toy_jaw import toy_jaw

from model.training.mean_shape import choose_clouds, mean_shape
from model.training.seed_points import find_seed_points
from scans.preparing.normalise import center_and_radius, normalise
from scans.sampling.sample_surface import sample_surface

JAWS, POINTS = 216, 50_000


def clouds() -> list[np.ndarray]:
    """Points of the toy jaw, stretched along each axis by a few per cent."""
    points, rng = (
        sample_surface(toy_jaw(), 4 * POINTS, np.random.default_rng(0), "uniform").points,
        np.random.default_rng(1),
    )
    made = []
    for _ in range(JAWS):
        chosen = points[rng.integers(len(points), size=POINTS)] * rng.normal(1, 0.05, 3)
        made.append(normalise(chosen, *center_and_radius(chosen)).astype(np.float32))
    return made


def main() -> None:
    """Print processor times."""
    torch.set_num_threads(1)
    jaws = clouds()
    mean_shape(jaws[:2], 1000, np.random.default_rng(0))  # compiles
    start = time.process_time()
    find_seed_points(jaws)
    middle = time.process_time()
    rng = np.random.default_rng(0)
    mean_shape([jaws[i] for i in choose_clouds(JAWS, rng)], POINTS, rng)
    end = time.process_time()
    rows = [
        Row("training", f"seed points of {JAWS} jaws", "s", middle - start),
        Row("training", f"mean shape of {JAWS} jaws", "s", end - middle),
    ]
    for row in rows:
        print(f"{row.what:30}{row.ours:8.1f} s")
    offer(*rows)


if __name__ == "__main__":
    main()
