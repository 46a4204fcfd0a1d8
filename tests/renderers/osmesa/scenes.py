"""Scenes whose pictures by pyrender over OSMesa lie beside this file, and the program that made them.

python tests/renderers/osmesa/scenes.py PYTHON

PYTHON is that of an environment with benchmarks/osmesa/requirements.txt. Each scene is a mesh of some thousand faces
and two cameras; each picture has 128 x 128 pixels.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
PROJECT = Path(__file__).resolve().parents[3]
SIZE, LIGHT = 128, 5.0

Mesh = tuple[np.ndarray, np.ndarray]


def cast(rings: int = 64, spokes: int = 160, skirt: float = 1.3) -> Mesh:
    """A palate, a ridge of crowns around it and a skirt, on a polar grid."""
    radius, angle = np.meshgrid(np.linspace(0, skirt, rings), np.arange(spokes) / spokes * 2 * np.pi, indexing="ij")
    ridge = np.exp(-(((np.minimum(radius, 1) - 0.78) / 0.13) ** 2)) * (np.sin(angle) < 0.75)
    crowns = 0.55 + 0.45 * np.sqrt(np.abs(np.cos(9 * angle)))
    height = 0.35 * ridge * crowns + 0.01 * np.sin(30 * radius) * np.cos(20 * angle) - 1.3 * np.maximum(radius - 1, 0)
    flat = np.minimum(radius, 1 + 0.1 * (radius - 1))
    vertices = np.stack((0.8 * flat * np.cos(angle), 0.9 * flat * np.sin(angle), height), axis=2).reshape(-1, 3)
    return vertices, grid_faces(rings, spokes)


def crowns() -> Mesh:
    """Fourteen bumpy balls along an arch, without gums."""
    rings, spokes = 24, 36
    polar, angle = np.meshgrid(np.linspace(0, np.pi, rings), np.arange(spokes) / spokes * 2 * np.pi, indexing="ij")
    bumps = 1 + 0.12 * np.sin(5 * angle) * np.sin(3 * polar)
    ball = np.stack((np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), 1.5 * np.cos(polar)), axis=2)
    ball = (ball * bumps[:, :, None] * 0.09).reshape(-1, 3)
    turns = np.linspace(-0.8 * np.pi, -0.2 * np.pi, 14)
    centres = np.stack((0.75 * np.cos(turns), 0.4 + 0.95 * np.sin(turns), np.zeros(14)), axis=1)
    faces = grid_faces(rings, spokes)
    return (
        (centres[:, None] + ball).reshape(-1, 3),
        (np.arange(14)[:, None, None] * len(ball) + faces).reshape(-1, 3).astype(np.int32),
    )


def grid_faces(rings: int, spokes: int) -> np.ndarray:
    """Two faces for each cell of a grid whose last spoke is beside its first."""
    corner = np.arange(rings * spokes).reshape(rings, spokes)
    inner, outer = corner[:-1], corner[1:]
    following = np.roll(inner, -1, axis=1), np.roll(outer, -1, axis=1)
    quads = np.stack((inner, outer, following[1], inner, following[1], following[0]), axis=2)
    return quads.reshape(-1, 3).astype(np.int32)


# Name: mesh, cameras' positions, field of view in degrees.
SCENES: dict[str, tuple[Mesh, tuple[tuple[float, float, float], ...], float]] = {
    "cast": (cast(), ((0.5, -2.7, 1.1), (1e-6, 0.0, 3.0)), 40.0),
    "open scan from below": (cast(skirt=1.0), ((1.2, 1.6, -2.0), (-0.8, -2.8, -0.3)), 40.0),
    "crowns": (crowns(), ((0.0, -2.8, 1.0), (2.4, 1.2, 1.0)), 40.0),
    "cut by the near plane": (cast(), ((0.02, -0.75, 0.3), (0.3, 0.5, 0.06)), 80.0),
}


def picture_path(name: str, view: int) -> Path:
    """Where the picture of a scene's view lies."""
    return FOLDER / f"{name.replace(' ', '_')}_{view}.png"


def main() -> None:
    sys.path.insert(0, str(PROJECT))
    from scans.cameras import look_at_origin
    from scans.shards.png import encode_png

    for name, ((vertices, faces), positions, fov) in SCENES.items():
        transforms = np.array([look_at_origin(position, up=(0, 0, 1)) for position in positions])
        task = {"vertices": vertices, "faces": faces, "transforms": transforms, "fov": fov}
        with tempfile.TemporaryDirectory() as folder:
            np.savez(f"{folder}/in.npz", **task, size=SIZE, light=LIGHT, repeats=1, two_sided=True)
            command = [sys.argv[1], PROJECT / "benchmarks/osmesa/worker.py", f"{folder}/in.npz", f"{folder}/out.npz"]
            subprocess.run(command, check=True)
            for view, picture in enumerate(np.load(f"{folder}/out.npz")["views"]):
                picture_path(name, view).write_bytes(encode_png(picture))


if __name__ == "__main__":
    main()
