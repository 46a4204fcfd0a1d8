"""A statistical model of crowns small enough to check by hand: ellipsoids on a parabola, with one mode of shape."""

from pathlib import Path

import numpy as np

from scans.synthetic.crown_model import ROWS, TEETH

HALF = np.array([4.0, 3.5, 3.0])  # mm, half axes along the model's x, y (gum) and z (front)


def write_model(folder: Path, points: int = 400) -> Path:
    """Write the files; the mode makes crowns 10 % larger per standard deviation, sizes and poses do not vary."""
    turn = np.arange(points) * np.pi * (3 - np.sqrt(5))
    z = 1 - (2 * np.arange(points) + 1) / points
    sphere = np.stack([np.sqrt(1 - z**2) * np.cos(turn), z, np.sqrt(1 - z**2) * np.sin(turn)], axis=1)
    normals = np.zeros((len(ROWS), points, 3))
    for fdi in TEETH:
        away = (-1 if fdi < 20 else 1) * (5.0 + 3.3 * (fdi % 10 - 1))
        middle = np.array([away, 0.0, 15.0 - away**2 / 25])
        np.save(folder / f"meanAlignedPG_{fdi}.npy", (sphere * HALF + middle).astype(np.float32))
        mode = (0.1 * sphere * HALF).reshape(-1, 1)
        np.save(folder / f"eigVec_{fdi}.npy", mode.astype(np.float32))
        np.save(folder / f"eigVal_{fdi}.npy", np.ones(1, np.float32))
        outward = sphere / HALF
        sign = np.where(np.arange(points) % 3 == 0, -1, 1)[:, None]  # as in the published file, signs are arbitrary
        normals[ROWS[fdi]] = sign * outward / np.linalg.norm(outward, axis=1, keepdims=True)
    np.save(folder / "Mu_normals.npy", normals)
    np.save(folder / "PoseCovMats.npy", np.zeros((len(ROWS), 6, 6)))
    np.save(folder / "ScaleCovMat.npy", np.zeros((len(ROWS), len(ROWS))))
    return folder
