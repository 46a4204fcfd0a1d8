import numpy as np
import pytest

from model.reconstruction.evidence import COLUMNS, EDGE, FARTHEST, evidence_of
from scans.cameras import Camera, camera_array, look_at_origin


def test_three_vertices_by_hand() -> None:
    """Two cameras above a square picture of which the jaw fills the middle; the third vertex is hidden."""
    vertices = np.array([[0, 0, 0], [0.01, 0, 0], [0.31, 0, -0.2]], np.float32)
    labels = np.array([11, 0, 0], np.uint8)
    cosines = np.array([[1.0, 0.5, 0], [0.8, 0, 0]], np.float32)
    picture = np.full((100, 100), 255, np.uint8)
    picture[25:75, 25:75] = 0
    pose = look_at_origin((0, 0, 3), (0, 1, 0))
    camera = Camera(transform=pose, fx=50, fy=50, cx=50, cy=50, width=100, height=100, orthographic=True)
    known = np.array([0.01, 0.02, 0.04]), np.full(3, 0.001), np.array([1, 0.5, 0.2])
    found = evidence_of(vertices, labels, cosines, *known, picture[None], camera_array([camera]))
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
    np.testing.assert_allclose(hidden, [0, 0, np.hypot(0.3, 0.2)], atol=1e-6)
    np.testing.assert_allclose(columns["height"], [0, 0, -0.2], rtol=1e-6)
    np.testing.assert_allclose(columns["height above that of the crowns"], [0, 0, -0.2], rtol=1e-6)
    np.testing.assert_allclose(columns["distance from the vertical axis"], [0, 0.01, 0.31], rtol=1e-6)
    np.testing.assert_allclose(columns["mean slope of the field nearby"], [0.75, 0.75, 0.2], rtol=1e-6)


@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_all_hidden_and_none_hidden(seen: float) -> None:
    vertices = np.random.default_rng(0).uniform(-1, 1, (20, 3)).astype(np.float32)
    pose = look_at_origin((0, 0, 3), (0, 1, 0))
    camera = Camera(transform=pose, fx=50, fy=50, cx=50, cy=50, width=100, height=100)
    picture = np.full((100, 100), 255, np.uint8)
    picture[25:75, 25:75] = 0
    cosines = np.full((1, 20), seen, np.float32)
    no_crowns, nothing = np.zeros(20, np.uint8), np.zeros(20)
    known = nothing, nothing, nothing
    found = evidence_of(vertices, no_crowns, cosines, *known, picture[None], camera_array([camera]))
    assert np.isfinite(found).all()
    columns = dict(zip(COLUMNS, found.T, strict=True))
    away = np.exp(columns["log distance to the nearest vertex that a view sees"]) - EDGE
    np.testing.assert_allclose(away, 0 if seen else FARTHEST, atol=1e-6)
    assert columns["height above that of the crowns"].max() == 0, "of the jaw, as it has no crowns"
