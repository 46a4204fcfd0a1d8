"""Sampling and cleaning against trimesh and fpsample, in one run: `python benchmarks/bench_sampling.py`."""

from importlib.metadata import version
from time import process_time
from typing import get_args

import fpsample
import numpy as np
import trimesh
from scipy.spatial import cKDTree
from table import Row, offer
from toy_jaw import best_of, toy_jaw

from scans.preparing.cleaning import clean
from scans.sampling.farthest_points import choose_farthest
from scans.sampling.sample_surface import CANDIDATES_PER_POINT, Method, sample_surface

COUNT = 50_000
RUNS = 7


def unevenness(points: np.ndarray) -> float:
    """The coefficient of variation of the distance to the nearest neighbour."""
    distance = cKDTree(points).query(points, k=2)[0][:, 1]
    return float(distance.std() / distance.mean())


def patch_chi_square(points: np.ndarray, reference: np.ndarray, patches: int = 500) -> float:
    """Chi-square per degree of freedom of the points' counts in patches; 1 for independent points, below for even ones.

    Args:
        reference: many independent points, for the patches' areas.
    """
    tree = cKDTree(reference[:patches])
    expected = np.bincount(tree.query(reference)[1], minlength=patches) * len(points) / len(reference)
    found = np.bincount(tree.query(points)[1], minlength=patches)
    return float(((found - expected) ** 2 / expected).sum() / (patches - 1))


def main() -> None:
    """Print times, ratios and evenness."""
    print(f"{COUNT} points; CPU time, best of {RUNS}; trimesh {trimesh.__version__}, fpsample {version('fpsample')}")
    print(f"{'faces':>8} {'method':32}{'ms':>8}{'points':>8}{'CV':>8}{'chi²/df':>9}")
    for faces in (130_000, 260_000, 520_000):
        mesh = toy_jaw(faces)
        shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        reference = sample_surface(mesh, 2_000_000, np.random.default_rng(1), "uniform").points
        candidates = sample_surface(mesh, CANDIDATES_PER_POINT * COUNT, np.random.default_rng(0), "stratified").points

        def ours(method):  # type: ignore[no-untyped-def]
            return sample_surface(mesh, COUNT, np.random.default_rng(0), method).points  # noqa: B023

        def theirs(function):  # type: ignore[no-untyped-def]
            shape._cache.clear()  # noqa: B023  (a mesh is sampled once, so that cached areas would flatter)
            return function(shape, COUNT, seed=0)[0]  # noqa: B023

        methods = {name: lambda name=name: ours(name) for name in get_args(Method)} | {
            "trimesh even": lambda: theirs(trimesh.sample.sample_surface_even),
            "trimesh uniform": lambda: theirs(trimesh.sample.sample_surface),
            "farthest of candidates": lambda: candidates[choose_farthest(candidates, COUNT, 0)],  # noqa: B023
            "fpsample of the same": lambda: candidates[  # noqa: B023
                fpsample.bucket_fps_kdline_sampling(candidates, COUNT, h=9, start_idx=0)  # noqa: B023
            ],
        }
        times = dict(zip(methods, best_of(RUNS, *methods.values(), clock=process_time), strict=True))
        for name, method in methods.items():
            points = method()
            print(
                f"{len(mesh.faces):8} {name:32}{times[name] * 1e3:8.1f}{len(points):8}{unevenness(points):8.3f}"
                f"{patch_chi_square(points, reference):9.3f}"
            )
        print(f"{'':8} poisson: {times['trimesh even'] / times['poisson']:.2f} × the speed of trimesh even")
        print(
            f"{'':8} farthest points: {times['fpsample of the same'] / times['farthest of candidates']:.2f} × the "
            "speed of fpsample"
        )
        what = f"{COUNT:,} points, {len(mesh.faces):,} faces"
        pairs = {
            "poisson": "trimesh even",
            "farthest of candidates": "fpsample of the same",
            "uniform": "trimesh uniform",
        }
        offer(
            *(
                Row("sampler", f"{own}: {what}", "ms", 1e3 * times[own], peer, 1e3 * times[peer])
                for own, peer in pairs.items()
            )
        )
        print(f"{'':8} clean: {best_of(RUNS, lambda: clean(mesh), clock=process_time)[0] * 1e3:.1f} ms")  # noqa: B023


if __name__ == "__main__":
    main()
