import sys

import numpy as np
import pytest
from scipy.spatial import cKDTree

from scans.errors import ScanError, UserError
from scans.mesh import Mesh
from scans.preparing.poisson_surface import reconstruct
from scans.sampling.sample_surface import face_areas

RADIUS = 30.0
SPACING = np.sqrt(2 * 2 * np.pi * RADIUS**2 / (np.sqrt(3) * 4000))  # of 4,000 points on the hemisphere


@pytest.fixture(scope="module")
def dome() -> Mesh:
    """An open hemisphere, z ≥ 0, faces outward, the half at x > 0 labelled 11 and the other 21."""
    theta, phi = np.meshgrid(np.linspace(0.02, np.pi / 2, 40), np.linspace(0, 2 * np.pi, 90, False), indexing="ij")
    vertices = RADIUS * np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    index = np.arange(theta.size).reshape(theta.shape)
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    faces = np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))])
    vertices = vertices.reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32), np.where(vertices[:, 0] > 0, 11, 21).astype(np.uint8))


def made_anew(mesh: Mesh, seed: int = 0) -> Mesh:
    return reconstruct(mesh, "dome.obj", np.random.default_rng(seed), count=4000, depth=6)


def normals(mesh: Mesh) -> np.ndarray:
    a, b, c = mesh.vertices[mesh.faces.T]
    cross = np.cross(b - a, c - a)
    return cross / np.linalg.norm(cross, axis=1, keepdims=True)


@pytest.mark.slow
def test_the_same_surface_and_no_skirt(dome: Mesh) -> None:
    made = made_anew(dome)
    off = np.abs(np.linalg.norm(made.vertices, axis=1) - RADIUS)
    assert np.median(off) < 0.02
    assert off.max() < SPACING / 2
    assert made.vertices[:, 2].min() > -SPACING  # Poisson itself closes the dome below
    assert made.vertices[:, 2].max() > RADIUS - 0.2
    area = face_areas(dome.vertices, dome.faces).sum()
    assert face_areas(made.vertices, made.faces).sum() == pytest.approx(area, rel=0.02)
    assert set(made.faces.ravel().tolist()) == set(range(len(made.vertices)))
    assert (made.vertices.dtype, made.faces.dtype) == (np.float64, np.int32)


def test_outside_stays_outside(dome: Mesh) -> None:
    for turn, sign in ((1, 1), (-1, -1)):
        made = made_anew(Mesh(dome.vertices, dome.faces[:, ::turn]))
        outward = made.vertices[made.faces].mean(axis=1) / RADIUS
        assert np.median((normals(made) * outward).sum(axis=1) * sign) > 0.99


def test_labels_are_the_nearest_vertex_s(dome: Mesh) -> None:
    made = made_anew(dome)
    assert dome.labels is not None
    assert made.labels is not None
    assert made.labels.dtype == np.uint8
    np.testing.assert_array_equal(made.labels, dome.labels[cKDTree(dome.vertices).query(made.vertices)[1]])
    assert made_anew(Mesh(dome.vertices, dome.faces)).labels is None


def test_the_generator_alone_decides(dome: Mesh) -> None:
    first, second, other = (made_anew(dome, seed) for seed in (0, 0, 1))
    assert first.vertices.tobytes() == second.vertices.tobytes() != other.vertices.tobytes()
    assert first.faces.tobytes() == second.faces.tobytes()


def test_points_that_no_surface_comes_of() -> None:
    far_apart = np.array([[0, 0, 0], [1e-9, 0, 0], [0, 1e-9, 0], [1, 1, 1], [1, 1, 1 + 1e-9], [1, 1 + 1e-9, 1]])
    specks = Mesh(far_apart, np.array([[0, 1, 2], [3, 4, 5]], np.int32))
    with pytest.raises(ScanError, match=r"dome\.obj: no surface comes of .*prepare\.reconstruction\.points"):
        made_anew(specks)


def test_without_open3d_the_command_is_named(dome: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(UserError, match=r"pip install -c constraints\.txt -e '\.\[poisson\]'") as caught:
        made_anew(dome)
    assert not isinstance(caught.value, ScanError)  # no scan's fault: on_bad_scan=skip must not leave them all out
