"""Scans that stages take for jaws, made in no time."""

from collections.abc import Callable

import numpy as np
import pytest

from scans.mesh import Mesh


@pytest.fixture(scope="session")
def horseshoe() -> Callable[[float], Mesh]:
    """Makes an unlabelled horseshoe, 64 mm wide and as high as is asked for, in mm, with 546 faces."""

    def make(height: float) -> Mesh:
        along, across = np.meshgrid(np.linspace(-1.7, 1.7, 40), np.linspace(0, 1, 8), indexing="ij")
        reach, z = 20 + 12 * across, height * np.sin(np.pi * across)
        vertices = np.stack([reach * np.sin(along), -reach * np.cos(along), z], axis=2).reshape(-1, 3)
        corners = np.arange(320).reshape(40, 8)
        a, b, c, d = (part.ravel() for part in (corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]))
        faces = np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])
        return Mesh(vertices, faces.astype(np.int32), None)

    return make
