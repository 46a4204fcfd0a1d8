"""Whether points are as far from the truth as the model expects: `python benchmarks/bench_expected_error.py`.

Synthetic jaws that the model has not seen, or with `--scans ../shared/scans` real ones, are rendered, reconstructed and
compared with the true surface, at the mesh's vertices. `--fit` first fits the error head anew to the model's validation
jaws, as `tenview evaluate` does, and writes it into the model's folder.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from table import Row, offer

from model.cases.case import Case
from model.geometry.surface_distance import surface_distances
from model.metrics.confidence import REMOVED, confidence_metrics, rank_correlation, reliability
from model.reconstruction.error_head import ERROR_HEAD, write_error_head
from model.reconstruction.fit_error_head import fit_error_head, sample_of
from scans.cases.manifest import RawCase
from scans.cases.splits import assign_splits
from scans.mesh_files.read import SUFFIXES
from scans.seeds import generator
from scans.synthetic.jaw import make_jaw
from scans.teeth3ds import layout
from stages.prediction.options import Axes
from stages.prediction.scan_pictures import picture_scan
from stages.prediction.trained import Trained, load_trained
from stages.sources.synthetic import jaw_ids

REAL = {"open3sdcm": Axes("+y", "+z"), "smartee": Axes("-y", "+z")}  # axes of crowns and incisors, by the files' names


def pictured(path: Path, name: str, axes: Axes, trained: Trained) -> Case:
    """A scan with its pictures by the model's rig."""
    pictures, truth = picture_scan(path, name, axes, trained.params, trained.rig)
    return Case(name, pictures.views, pictures.view_mask, truth.points, truth.radius, pictures.cameras, truth.normals)


def synthetic(ids: list[str], seed: int, trained: Trained) -> Iterator[Case]:
    """Jaws as `download`, `prepare` and `render` make them."""
    for name in ids:
        with tempfile.TemporaryDirectory() as folder:
            mesh = make_jaw(seed, name, voxel_mm=trained.params.download.synthetic.voxel_size)
            layout.write_case(Path(folder), name, "upper", mesh)
            yield pictured(layout.mesh_path(Path(folder), name, "upper"), name, Axes("+z", "-y", 1.0), trained)


def real(folder: Path, trained: Trained) -> Iterator[Case]:
    """Scans of a folder, whose axes are known."""
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
        yield pictured(path, path.stem, REAL.get(path.name.split("_")[0], Axes()), trained)


def fit(trained: Trained, folder: Path) -> None:
    """The error head from the validation split of the model's own jaws."""
    made, prepare = trained.params.download.synthetic, trained.params.prepare
    ids = jaw_ids(made.seed, made.jaws)
    raw = [RawCase(name, "", None, "train") for name in ids[: made.jaws - made.test_jaws]]
    splits = assign_splits(
        raw, validation_share=prepare.validation_share, test_share=prepare.test_share, seed=prepare.seed
    )
    chosen = [name for name in ids if splits.get(name) == "validation"]
    samples = []
    for case in synthetic(chosen, made.seed, trained):
        found = trained.network.reconstruct(case.views, case.view_mask, case.cameras)
        samples.append(sample_of(found, case, generator(0, case.id)))
    head = trained.network.error_head = fit_error_head(samples)
    write_error_head(head, folder / ERROR_HEAD, trained.weights_sha256)
    told = head.description
    print(f"fitted to {told['cases']} jaws; on these, each left out of the fit:")
    print_table(told["deciles"])
    print(f"rank correlation {told['error_rank_correlation']:.2f}, sparsification {told['sparsification']:.0%}\n")


def print_table(deciles: list[dict[str, float]]) -> None:
    """Expected and real distance of each tenth of the vertices, the surest first."""
    for name in ("expected_error_mm", "error_mm"):
        print(f"{name:20}" + "".join(f"{row[name]:7.2f}" for row in deciles))


def main() -> None:
    """Print the deciles, the correlations and the sparsification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("pretrained"), help="a folder that `tenview export` made")
    parser.add_argument("--jaws", type=int, default=24, help="synthetic jaws")
    parser.add_argument("--seed", type=int, default=2606, help="of these, as download.synthetic.seed")
    parser.add_argument("--scans", type=Path, help="folder with real scans, to be measured in their place")
    parser.add_argument("--fit", action="store_true", help="fit the error head anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.fit:
        (options.model / ERROR_HEAD).unlink(missing_ok=True)  # it may be of another version, and not readable
    trained = load_trained(options.model)
    if options.fit:
        fit(trained, options.model)
    if options.scans:
        cases = real(options.scans, trained)
    else:
        cases = synthetic(jaw_ids(options.seed, options.jaws), options.seed, trained)
    columns, seconds = [], []  # columns: expected and real distance of a jaw's vertices, mm
    for case in cases:
        started = time.process_time()
        made = trained.network.reconstruct(case.views, case.view_mask, case.cameras)
        seconds.append(time.process_time() - started)
        assert made.mesh is not None
        assert made.vertex_confidence is not None
        assert made.vertex_confidence.expected_error is not None
        truth = (torch.from_numpy(each) for each in (made.mesh.vertices, case.points, case.normals))
        real_errors = surface_distances(*truth).numpy()
        columns.append(np.stack([made.vertex_confidence.expected_error, real_errors]).astype(np.float64) * case.radius)
        told = confidence_metrics(*columns[-1])
        print(
            f"{case.id:20} expected {told['expected_error_mm']:.2f} mm, real {told['surface_error_mm']:.2f}, "
            f"rank correlation {told['error_rank_correlation']:.2f}",
            flush=True,
        )
    together = np.concatenate(columns, axis=1)
    told, within = confidence_metrics(*together), [rank_correlation(*each) for each in columns]
    means = np.array([each.mean(axis=1) for each in columns]).T
    kept = together.shape[1] - round(REMOVED * together.shape[1])
    least_sure, worst = (together[1][np.argsort(each, kind="stable")[:kept]].mean() for each in together)
    print_table(reliability(*together))
    print(f"{len(columns)} jaws, {together.shape[1]} vertices")
    print(f"rank correlation {told['error_rank_correlation']:.2f}, of the jaws' means {rank_correlation(*means):.2f}")
    print(f"within a jaw {np.mean(within):.2f}, {min(within):.2f} to {max(within):.2f}")
    print(
        f"mean distance {together[1].mean():.2f} mm, without the least sure tenth {least_sure:.2f}, "
        f"without the worst {worst:.2f}: sparsification {told['sparsification']:.0%}"
    )
    print(f"processor time of a reconstruction {np.median(seconds):.2f} s")
    what = f"expected error of {len(columns)} jaws' vertices"
    offer(
        Row("confidence", f"{what}: rank correlation with the real one", "", told["error_rank_correlation"]),
        Row("confidence", f"{what}: sparsification", "", told["sparsification"]),
    )


if __name__ == "__main__":
    main()
