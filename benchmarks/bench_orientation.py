"""How often a scan's orientation and unit are found by its shape: `python benchmarks/bench_orientation.py`.

Jaws of every synthetic kind, and what else users bring, each turned at random, in millimetres or metres. Right is what
lies within RIGHT degrees of the jaw's own frame. `--scans ../shared/scans` adds real ones, whose frames are known.
"""

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Row, offer

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.preparing.cleaning import clean
from scans.preparing.frame import check_size, find_unit, rotation, to_millimetres
from scans.preparing.orientation import find_orientation
from scans.seeds import generator
from scans.synthetic.jaw import make_jaw
from scans.synthetic.patient import KINDS, draw

RIGHT = 15.0  # degrees
REAL = {"open3sdcm": ("+y", "+z"), "smartee": ("-y", "+z")}  # axes of crowns and incisors, by the files' names


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation drawn evenly from all, of a random quaternion."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def jaws(kind: str, count: int, voxel: float) -> Iterator[Mesh]:
    """So many synthetic jaws of a kind."""
    number = 0
    while count:
        case_id = f"ORIENTATION{number:05d}"
        if draw(generator(0, case_id)).kind == kind:
            yield make_jaw(0, case_id, voxel_mm=voxel)
            count -= 1
        number += 1


def crowns(jaw: Mesh) -> Mesh:
    """The crowns alone, each closed by a fan to the middle of its border, as programs for aligners export them."""
    faces = jaw.faces[(jaw.labels[jaw.faces] > 0).all(axis=1)]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = edges[:, 0].astype(np.int64) * len(jaw.vertices) + edges[:, 1]
    border = edges[~np.isin(pairs, edges[:, 1].astype(np.int64) * len(jaw.vertices) + edges[:, 0])]
    labels = jaw.labels[border[:, 0]]
    teeth, which = np.unique(labels, return_inverse=True)
    middles = np.array([jaw.vertices[border[labels == tooth, 0]].mean(axis=0) for tooth in teeth])
    caps = np.column_stack([border[:, 1], border[:, 0], len(jaw.vertices) + which])
    return Mesh(np.concatenate([jaw.vertices, middles]), np.concatenate([faces, caps]).astype(np.int32))


def noisy(jaw: Mesh, rng: np.random.Generator) -> Mesh:
    """A worse scanner: 0.1 mm of noise, and thirty holes of 2 mm."""
    holes = jaw.vertices[rng.choice(len(jaw.vertices), 30)]
    near = (((jaw.vertices[:, None, :] - holes) ** 2).sum(axis=2) < 4).any(axis=1)
    return Mesh(jaw.vertices + rng.normal(0, 0.1, jaw.vertices.shape), jaw.faces[~near[jaw.faces].any(axis=1)])


def soup(jaw: Mesh) -> Mesh:
    """Three vertices for each face, inside out."""
    corners = jaw.vertices[jaw.faces[:, ::-1]].reshape(-1, 3)
    return Mesh(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3))


def sets(count: int, voxel: float, real: Path | None) -> Iterator[tuple[str, list[tuple[Mesh, np.ndarray]]]]:
    """Name, and meshes with the rotations into their frames."""
    rng = np.random.default_rng(1)
    upright = np.eye(3)
    made = {kind: list(jaws(kind, count, voxel)) for kind in KINDS}
    for kind, meshes in made.items():
        yield f"synthetic, {kind}", [(mesh, upright) for mesh in meshes]
    mixed = [mesh for meshes in zip(*made.values(), strict=True) for mesh in meshes][:count]
    yield "crowns without gums", [(crowns(mesh), upright) for mesh in mixed]
    yield "noise and holes", [(noisy(mesh, rng), upright) for mesh in mixed]
    yield "triangle soup, inside out", [(soup(mesh), upright) for mesh in mixed]
    if real:
        for name, axes in REAL.items():
            files = [path for path in sorted(real.iterdir()) if path.name.startswith(name)]
            yield f"real, {name}", [(read_mesh(path), rotation(*axes)) for path in files]


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two rotations."""
    return math.degrees(math.acos(min(1.0, max(-1.0, ((one * other).sum() - 1) / 2))))


def main() -> None:
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jaws", type=int, default=25, help="jaws of each kind")
    parser.add_argument("--orientations", type=int, default=100, help="orientations of each set")
    parser.add_argument("--voxel", type=float, default=0.5, help="size of their grid, mm")
    parser.add_argument("--scans", type=Path, help="folder with the real scans")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{'':28}{'right':>7}{'wrong':>7}{'refused':>9}{'median °':>10}{'most °':>8}{'least sure':>12}{'ms':>7}")
    for name, meshes in sets(options.jaws, options.voxel, options.scans):
        angles, sure, seconds, refused = [], [], [], 0
        for number in range(options.orientations):
            mesh, frame = meshes[number % len(meshes)]
            turned = random_rotation(rng)
            unit = (1.0, 1000.0)[number // len(meshes) % 2]
            turned_mesh = replace(mesh, vertices=mesh.vertices @ turned.T / unit + rng.normal(0, 50 / unit, 3))
            scan, _ = clean(turned_mesh)
            started = time.perf_counter()
            try:
                scan = to_millimetres(scan, find_unit(scan))
                check_size(scan)
                found = find_orientation(scan)
            except ScanError:
                refused += 1
                continue
            finally:
                seconds.append(time.perf_counter() - started)
            angles.append(angle(found.rotation, frame @ turned.T))
            sure.append(found.sure)
        good = [value for value in angles if value <= RIGHT] or [math.nan]
        right, wrong = sum(value <= RIGHT for value in angles), sum(value > RIGHT for value in angles)
        print(
            f"{name:28}{right:7}{wrong:7}{refused:9}{np.median(good):10.1f}{max(good):8.1f}"
            f"{min(sure, default=math.nan):12.3f}{1e3 * np.median(seconds):7.0f}",
            flush=True,
        )
        what = f"{name}: wrong in {options.orientations} orientations, {refused} refused"
        offer(Row("orientation", what, "", wrong))
        offer(Row("orientation", f"{name}: finding it", "ms", 1e3 * float(np.median(seconds))))


if __name__ == "__main__":
    main()
