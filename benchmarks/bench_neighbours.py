"""Nearest neighbours and Chamfer at 50,000 × 50,000: ours beside pykdtree, scipy and torch.cdist, on one core.

    python benchmarks/bench_neighbours.py            # a minute or two
    python benchmarks/bench_neighbours.py --all      # also the peers' degenerate cases and torch.cdist: several minutes

Both directions are searched. The truth's tree stands already, the prediction's is built, as in training.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # pykdtree's threads; set before it is loaded

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from pykdtree.kdtree import KDTree
from scipy.spatial import cKDTree
from table import Row, offer

from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.losses.chamfer import chamfer
from scans.preparing.normalise import center_and_radius, normalise
from scans.synthetic.jaw import make_jaw

POINTS = 50_000


def jaw(number: int) -> np.ndarray:
    """(POINTS, 3) vertices of a synthetic jaw, normalised."""
    vertices = make_jaw(0, f"bench{number}", voxel_mm=0.36).vertices
    chosen = np.random.default_rng(number).choice(len(vertices), POINTS, replace=len(vertices) < POINTS)
    return normalise(vertices[chosen], *center_and_radius(vertices[chosen])).astype(np.float32)


def situations() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Predicted and true cloud of each situation; the last ones are as bad as a tree can have it."""
    rng = np.random.default_rng(0)
    truth, other = jaw(0), jaw(1)
    clumps = truth[rng.integers(0, 100, POINTS)]
    sphere = rng.normal(size=(POINTS, 3))
    made = {
        "converged (0.005 off)": (truth + 0.005 * rng.normal(size=truth.shape), truth),
        "another jaw": (other, truth),
        "all equal": (np.full_like(truth, 0.1), truth),
        "100 clumps": (clumps, truth),
        "100 noisy clumps": (clumps + 1e-6 * rng.normal(size=truth.shape), truth),
        "collinear": (np.linspace(-1, 1, POINTS)[:, None] * [1.0, 0, 0], truth),
        "a grid": (np.stack(np.meshgrid(*[np.arange(37.0)] * 3), axis=-1).reshape(-1, 3)[:POINTS] / 18 - 1, truth),
        "all far away": (truth + 100, truth),
        "centre of a sphere": (
            1e-5 * rng.normal(size=(POINTS, 3)),
            sphere / np.linalg.norm(sphere, axis=1, keepdims=True),
        ),
    }
    return {name: (a.astype(np.float32), b.astype(np.float32)) for name, (a, b) in made.items()}


def ours(predicted: np.ndarray, truth: np.ndarray) -> Callable[[], object]:
    points, fixed = torch.from_numpy(predicted), IndexedPoints.build(torch.from_numpy(truth))

    def search() -> None:
        cloud = IndexedPoints.build(points)
        nearest_neighbours(cloud, fixed), nearest_neighbours(fixed, cloud)

    return search


def with_pykdtree(predicted: np.ndarray, truth: np.ndarray) -> Callable[[], object]:
    fixed = KDTree(truth)
    return lambda: (fixed.query(predicted), KDTree(predicted).query(truth))


def with_scipy(predicted: np.ndarray, truth: np.ndarray) -> Callable[[], object]:
    def tree(points: np.ndarray) -> cKDTree:
        return cKDTree(points, balanced_tree=False, compact_nodes=False)

    fixed = tree(truth)
    return lambda: (fixed.query(predicted), tree(predicted).query(truth))


def with_cdist(predicted: np.ndarray, truth: np.ndarray) -> Callable[[], object]:
    a, b = torch.from_numpy(predicted), torch.from_numpy(truth)

    def search() -> None:
        for x, y in ((a, b), (b, a)):
            for part in x.split(1024):
                torch.cdist(part, y, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)

    return search


def seconds(work: Callable[[], object]) -> float:
    """Least processor time of five runs, or of as many as fit into three seconds."""
    least, begun = np.inf, time.perf_counter()
    for _ in range(5):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
        if time.perf_counter() - begun > 3:
            break
    return float(least)


def training_step(predicted: np.ndarray, truth: np.ndarray) -> Callable[[], object]:
    points, fixed = torch.from_numpy(predicted)[None].requires_grad_(), [IndexedPoints.build(torch.from_numpy(truth))]
    return lambda: chamfer(points, fixed).sum().backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also what takes a peer tens of seconds")
    everything = parser.parse_args().all
    torch.set_num_threads(1)
    peers = {"pykdtree": with_pykdtree, "scipy": with_scipy, "torch.cdist": with_cdist}
    ours(*(np.random.default_rng(0).random((2, 100, 3), np.float32)))()  # compiles
    print(f"{POINTS} x {POINTS}, both directions, milliseconds of one core; in brackets how many times ours\n")
    print(f"{'':24}{'chamfer + backward':>20}{'ours':>10}" + "".join(f"{name:>18}" for name in peers))
    for name, (predicted, truth) in situations().items():
        own = seconds(ours(predicted, truth))
        line = f"{name:24}{1e3 * seconds(training_step(predicted, truth)):20.0f}{1e3 * own:10.0f}"
        usual = name.startswith(("converged", "another"))
        for peer, make in peers.items():
            if everything or (usual and peer != "torch.cdist"):
                taken = seconds(make(predicted, truth))
                line += f"{1e3 * taken:10.0f} ({taken / own:5.1f})"
                offer(Row("neighbours", f"{POINTS:,} × {POINTS:,}, {name}", "ms", 1e3 * own, peer, 1e3 * taken))
            else:
                line += f"{'-':>18}"
        print(line, flush=True)
    if torch.cuda.is_available():
        for name, (predicted, truth) in list(situations().items())[:2]:
            a, b = (IndexedPoints.build(torch.from_numpy(cloud).cuda()) for cloud in (predicted, truth))

            def both(a: IndexedPoints = a, b: IndexedPoints = b) -> None:
                nearest_neighbours(a, b), nearest_neighbours(b, a)
                torch.cuda.synchronize()

            print(f"{name:24} on CUDA, chunked: {1e3 * seconds(both):.1f}")


if __name__ == "__main__":
    main()
