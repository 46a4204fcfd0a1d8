"""Fixtures for all tests."""

from pathlib import Path

import numpy as np
import pytest

from scans.mesh import Mesh

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real scans and weights beside the project; the test is skipped where it is absent."""
    folder = PROJECT.parent / "shared"
    if not (folder / "scans").is_dir():
        pytest.skip("no folder ../shared with scans and weights")
    return folder


@pytest.fixture
def tetrahedron() -> Mesh:
    """Four vertices at the corners of a cube of edge 1 that holds the origin; four faces, outward, labelled."""
    vertices = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / 2
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return Mesh(vertices, faces, np.array([11, 21, 0, 0], np.uint8))
