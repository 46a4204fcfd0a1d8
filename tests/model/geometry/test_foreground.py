"""Points against the silhouette of a disc that an orthographic camera above the jaw shows."""

import numpy as np
import pytest

from model.geometry.foreground import silhouette_distances
from scans.cameras import Camera, camera_array, look_at_origin

SIZE, PER_UNIT = 64, 25.0  # pixels; pixels per jaw radius


@pytest.fixture
def disc() -> np.ndarray:
    """Of radius 0.8."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2
    return np.where(np.hypot(rows, columns) < 0.8 * PER_UNIT, 60, 255).astype(np.uint8)


def above() -> np.ndarray:
    half = SIZE / 2
    pose = look_at_origin((0, 0, 3), (0, 1, 0))
    lens = {"fx": PER_UNIT, "fy": PER_UNIT, "cx": half, "cy": half, "width": SIZE, "height": SIZE}
    return camera_array([Camera(transform=pose, orthographic=True, **lens)])


def test_distances_to_the_edge_of_a_disc(disc: np.ndarray) -> None:
    points = np.array([[0.0, 0, 0], [0.5, 0, 0.3], [0, -1.0, 0], [0.8, 0.8, 0]])
    outside, inside = silhouette_distances(points, disc[None], above())
    pixel = 1 / PER_UNIT
    np.testing.assert_allclose(inside, [0.8, 0.3, 0, 0], atol=1.5 * pixel)
    np.testing.assert_allclose(outside, [0, 0, 0.2, 0.8 * (2**0.5 - 1)], atol=1.5 * pixel)


def test_a_finer_picture_than_its_camera_gives_the_same(disc: np.ndarray) -> None:
    points = np.array([[0.5, 0.1, 0.0], [0.9, 0.1, 0.0]])
    plain = silhouette_distances(points, disc[None], above())
    fine = silhouette_distances(points, disc.repeat(2, axis=0).repeat(2, axis=1)[None], above())
    np.testing.assert_allclose(fine, plain, atol=0.03)


def test_the_worst_of_the_pictures_counts_and_nothing_is_known_beyond_them(disc: np.ndarray) -> None:
    empty = np.full_like(disc, 255)
    empty[0, 0] = 0
    both = silhouette_distances(np.zeros((1, 3)), np.stack([disc, empty]), above().repeat(2, axis=0))
    assert both[0][0] > 1, "the second shows nothing there"
    beyond = silhouette_distances(np.array([[5.0, 0, 0]]), disc[None], above())
    assert (beyond[0][0], beyond[1][0]) == (0, np.inf)
