"""Small surfaces whose counts and volumes can be told by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from scans.mesh import Mesh

# The corners of a cube's face on either side of each axis, counter-clockwise from outside.
SIDES = {
    (-1, 0, 0): [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)],
    (1, 0, 0): [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)],
    (0, -1, 0): [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)],
    (0, 1, 0): [(0, 1, 0), (0, 1, 1), (1, 1, 1), (1, 1, 0)],
    (0, 0, -1): [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)],
    (0, 0, 1): [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
}


@pytest.fixture
def cubes() -> Callable[..., Mesh]:
    """Makes the surface of some unit cubes, with a vertex a place; those that touch in an edge are not manifold."""

    def make(*at: tuple[int, int, int]) -> Mesh:
        corners = [
            tuple(np.add(cube, corner))
            for cube in at
            for side, ring in SIDES.items()
            if tuple(np.add(cube, side)) not in at
            for corner in ring
        ]
        vertices, index = np.unique(np.array(corners), axis=0, return_inverse=True)
        quads = index.reshape(-1, 4)
        faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
        return Mesh(vertices.astype(float), faces, np.zeros(len(vertices), np.uint8))

    return make


@pytest.fixture
def sheet() -> Callable[..., Mesh]:
    """Makes a sheet of unit squares that looks up, at height 0; the teeth 11 and 21 are its halves."""

    def make(side: int, holes: tuple[tuple[int, int], ...] = ()) -> Mesh:
        x, y = np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij")
        vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1).astype(float)
        a = np.array([i * (side + 1) + j for i in range(side) for j in range(side) if (i, j) not in holes])
        b, c, d = a + side + 1, a + side + 2, a + 1
        faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]).astype(np.int32)
        return Mesh(vertices, faces, np.where(vertices[:, 0] < side / 2, 11, 21).astype(np.uint8))

    return make


@pytest.fixture
def horseshoe() -> Mesh:
    """A level strip that looks up, around five sixths of a ring of radii 2 and 3."""
    angle = np.repeat(np.linspace(0.5, 2 * np.pi - 0.5, 60), 2)
    radius = np.tile([2.0, 3.0], 60)
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    a = np.arange(0, 118, 2)
    faces = np.concatenate([np.stack([a, a + 1, a + 3], axis=1), np.stack([a, a + 3, a + 2], axis=1)])
    return Mesh(vertices, faces.astype(np.int32))
