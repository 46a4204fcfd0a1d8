"""Small random point clouds and all distances between them, for brute force."""

import numpy as np


def two_clouds(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + m)
    return rng.uniform(-0.1, 0.1, (n, 3)).astype(np.float32), rng.uniform(-0.1, 0.1, (m, 3)).astype(np.float32)


def all_distances(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    return np.linalg.norm(pred[:, None].astype(float) - gt[None], axis=-1)
