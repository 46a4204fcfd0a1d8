"""Reading cases for training, beside folders of PNG + NPY and Hugging Face datasets.

    python benchmarks/bench_loader.py

Each reader gives ten decoded 224 px pictures and 50,000 points of a case, in one shuffled order, from files that the
system holds in memory. The folders are written and read with the same library, as one would script it. A second is one
of processor time, of all processes together, so that what else the machine does matters little. The main process looks
at each batch, as a training does: it sums its points.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import psutil
import torch
from PIL import Image
from table import Row, offer
from torch.utils.data import DataLoader
from toy_jaw import toy_jaw

from model.cases.dataset import CaseDataset, collate
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.preparing.normalise import center_and_radius, normalise
from scans.sampling.sample_surface import sample_surface
from scans.shards.naming import shard_name
from scans.shards.png import encode_png
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.views import ViewsCase, write_views

CASES, SHARDS, SIZE, POINTS, BATCH, ROUNDS = 96, 6, 224, 50_000, 4, 5


class Folder:
    """A data set over `<case>/view_00.png … view_09.png, points.npy`."""

    def __init__(self, root: Path, read: Callable[[Path], np.ndarray]) -> None:
        self.folders = sorted(root.iterdir())
        self.read = read

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        folder = self.folders[number]
        views = np.stack([self.read(folder / f"view_{k:02d}.png") for k in range(10)])
        return torch.from_numpy(views), torch.from_numpy(np.load(folder / "points.npy"))


def with_pil(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def with_cv2(path: Path) -> np.ndarray:
    return cv2.imread(path, cv2.IMREAD_GRAYSCALE)


class HuggingFace:
    """The shards as `load_dataset` gives them, the two families side by side."""

    def __init__(self, root: Path, form: str) -> None:
        def load(name: str, columns: list[str]) -> datasets.Dataset:
            files = sorted(map(str, (root / name).glob("*.parquet")))
            cache = str(root / "cache")
            loaded = datasets.load_dataset("parquet", data_files=files, split="train", columns=columns, cache_dir=cache)
            return loaded.with_format(form)

        self.points = load("prepared", ["id", "points"])
        self.views = load("views", ["id", "views", "cameras"])

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        views, points = self.views[number]["views"], self.points[number]["points"]
        if isinstance(views, torch.Tensor):
            return views.reshape(10, SIZE, SIZE), points.reshape(-1, 3)
        return torch.from_numpy(np.stack(list(views))), torch.from_numpy(np.asarray(points).reshape(-1, 3).copy())


def write(root: Path) -> None:
    """The same cases as shards and as folders."""
    mesh = toy_jaw()
    samples = sample_surface(mesh, POINTS, np.random.default_rng(0), "uniform")
    center, radius = center_and_radius(samples.points)
    points = normalise(samples.points, center, radius)
    rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=SIZE, order=range(10))
    shading = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
    vertices = normalise(mesh.vertices, center, radius)
    images = render_views(vertices, mesh.faces, rig, shading, backend="numba", samples=4)
    pngs, cameras = [encode_png(image) for image in images], camera_array(rig)
    rng = np.random.default_rng(1)
    for name in ("prepared", "views", "pil", "cv2"):
        (root / name).mkdir()
    for shard, ids in enumerate(np.array_split([f"jaw{number:03d}" for number in range(CASES)], SHARDS)):
        prepared = [
            PreparedCase(
                case_id,
                "train",
                (points + rng.normal(0, 1e-3, points.shape)).astype(np.float32),
                samples.normals,
                samples.labels,
                center,
                radius,
                mesh,
                "",
                {},
            )
            for case_id in ids.tolist()
        ]
        name = shard_name("train", shard, SHARDS)
        write_prepared(root / "prepared" / name, prepared, POINTS, {})
        views = [ViewsCase(case.id, "train", pngs, cameras) for case in prepared]
        write_views(root / "views" / name, views, cameras.shape, {})
        for case in prepared:
            for kind, save in {
                "pil": lambda path, image: Image.fromarray(image).save(path),
                "cv2": cv2.imwrite,
            }.items():
                folder = root / kind / case.id
                folder.mkdir()
                for k, image in enumerate(images):
                    save(folder / f"view_{k:02d}.png", image)
                np.save(folder / "points.npy", case.points)


def processor_seconds() -> float:
    """Used so far by this process and its workers."""
    workers = [child.cpu_times() for child in psutil.Process().children()]
    return time.process_time() + sum(times.user + times.system for times in workers)


def cases_per_second(readers: dict[str, Callable[[], int]]) -> dict[str, float]:
    """The best of some rounds, in which the readers take turns, so that a busy machine slows all alike."""
    best = dict.fromkeys(readers, 0.0)
    for _ in range(ROUNDS):
        for name, read in readers.items():
            start = processor_seconds()
            count = read()
            best[name] = max(best[name], count / (processor_seconds() - start))
    return best


def single(data: Any, order: Sequence[int]) -> int:
    for number in order:
        case = data[number]
        (case[1] if isinstance(case, tuple) else case.points).sum()
    return len(order)


def several(loader: DataLoader[Any]) -> int:
    count = 0
    for batch in loader:
        points = batch["points"] if isinstance(batch, dict) else batch[1]
        points.sum()
        count += len(points)
    return count


def main() -> None:
    """Print cases per second and ratios."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    datasets.disable_progress_bars()
    order = np.random.default_rng(0).permutation(CASES).tolist()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write(root)
        data = {
            "ours": CaseDataset(root / "prepared", root / "views", "train"),
            "folder, PIL": Folder(root / "pil", with_pil),
            "folder, OpenCV": Folder(root / "cv2", with_cv2),
            "datasets, numpy": HuggingFace(root, "numpy"),
            "datasets, torch": HuggingFace(root, "torch"),
        }
        first = data["ours"][order[0]]
        for reader in list(data.values())[1:]:
            views, points = reader[order[0]]
            assert np.array_equal(views, first.views), reader
            assert np.array_equal(points, first.points), reader
        for workers in (0, 2):
            if workers:
                loaders = {
                    name: DataLoader(
                        reader,
                        BATCH,
                        sampler=order,
                        num_workers=workers,
                        persistent_workers=True,
                        collate_fn=collate if name == "ours" else None,
                    )
                    for name, reader in data.items()
                }
                readers = {name: lambda each=each: several(each) for name, each in loaders.items()}
            else:
                readers = {name: lambda each=each: single(each, order) for name, each in data.items()}
            speeds = cases_per_second(readers)
            what = f"shuffled cases, {workers} workers" if workers else "shuffled cases, one process"
            print(f"\n{what}: {CASES} of ten {SIZE} px views and {POINTS} points, files in memory; best of {ROUNDS}")
            for name, speed in speeds.items():
                print(f"{name:20}{speed:10.0f} cases/s{speeds['ours'] / speed:8.1f}")
                if name != "ours":
                    rows.append(Row("loader", what, "cases/s", speeds["ours"], name, speed))
            del readers
    offer(*rows)


if __name__ == "__main__":
    main()
