"""An open surface, and what its border is."""

import numpy as np
import trimesh


def half_ball() -> tuple[np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=2)
    faces = np.asarray(ball.faces, np.int32)
    return np.asarray(ball.vertices), faces[(np.asarray(ball.vertices)[faces][:, :, 2] > -0.01).all(axis=1)]


def open_edges(faces: np.ndarray) -> set[tuple[int, int]]:
    edges = {(int(f[k]), int(f[(k + 1) % 3])) for f in faces for k in range(3)}
    assert len(edges) == 3 * len(faces)  # no edge is there twice in one direction: manifold and oriented alike
    return {edge for edge in edges if edge[::-1] not in edges}
