import numpy as np
import pytest

from model.reconstruction.evidence import COLUMNS, EDGE, FARTHEST, evidence_of
from scans.cameras import Camera, camera_array, look_at_origin


def test_three_vertices_by_hand() -> None:
    """Two cameras above a square picture of which the jaw fills the middle; the third vertex is hidden."""
    vertices = np.array([[0, 0, 0], [0.01, 0, 0], [0.31, 0, 0]], np.float32)
    cosines = np.array([[1.0, 0.5, 0], [0.8, 0, 0]], np.float32)
    picture = np.full((100, 100), 255, np.uint8)
    picture[25:75, 25:75] = 0
    pose = look_at_origin((0, 0, 3), (0, 1, 0))
    camera = Camera(transform=pose, fx=50, fy=50, cx=50, cy=50, width=100, height=100, orthographic=True)
    found = evidence_of(
        vertices, cosines, np.array([0.01, 0.02, 0.04]), np.full(3, 0.001), picture[None], camera_array([camera])
    )
    columns = dict(zip(COLUMNS, found.T, strict=True))
    np.testing.assert_array_equal(columns["views that see it"], [2, 1, 0])
    np.testing.assert_allclose(columns["greatest cosine"], [1, 0.5, 0])
    np.testing.assert_allclose(columns["sum of cosines"], [1.8, 0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(np.exp(columns["log unsigned distance"]), [0.01, 0.02, 0.04], rtol=1e-5)
    nearby = np.exp(columns["mean log unsigned distance nearby"])
    np.testing.assert_allclose(nearby, [200**0.5 / 1000, 200**0.5 / 1000, 0.04], rtol=1e-5)
    assert (columns["distance outside a silhouette"] == 0).all()
    np.testing.assert_allclose(columns["distance to the edge of a silhouette"], [0.5, 0.49, 0.19], atol=0.03)
    hidden = np.exp(columns["log distance to the nearest vertex that a view sees"]) - EDGE
    np.testing.assert_allclose(hidden, [0, 0, 0.3], atol=1e-6)


@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_all_hidden_and_none_hidden(seen: float) -> None:
    vertices = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
    pose = look_at_origin((0, 0, 3), (0, 1, 0))
    camera = Camera(transform=pose, fx=50, fy=50, cx=50, cy=50, width=100, height=100)
    picture = np.full((100, 100), 255, np.uint8)
    picture[25:75, 25:75] = 0
    cosines = np.full((1, 20), seen, np.float32)
    found = evidence_of(vertices, cosines, np.zeros(20), np.zeros(20), picture[None], camera_array([camera]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found[:, -1]) - EDGE, 0 if seen else FARTHEST, atol=1e-6)
