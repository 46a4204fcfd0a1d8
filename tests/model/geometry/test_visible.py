"""Who sees what of a cube, and what another surface hides."""

import numpy as np
import pytest

from model.geometry.visible import viewing_cosines
from scans.cameras import Camera, camera_array, look_at_origin

SIDE = 0.5


def camera(position: tuple[float, float, float], up: tuple[float, float, float], **kwargs: bool) -> Camera:
    focal = 100.0 if not kwargs.get("orthographic") else 30.0
    return Camera(
        transform=look_at_origin(position, up), fx=focal, fy=focal, cx=32, cy=32, width=64, height=64, **kwargs
    )


def face(middle: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A square, SIDE wide, whose normal points from the origin to its middle: 4 corners and its middle itself."""
    normal = np.array(middle) / np.linalg.norm(middle)
    across = np.roll(normal, 1)
    along = np.cross(normal, across)
    corners = [SIDE / 2 * (a * across + b * along) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    vertices = np.array(middle) + np.stack([*corners, np.zeros(3)])
    return vertices, np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]], np.int32), np.tile(normal, (5, 1))


def together(*parts: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    vertices, faces, normals = zip(*parts, strict=True)
    return np.concatenate(vertices), np.concatenate([f + 5 * n for n, f in enumerate(faces)]), np.concatenate(normals)


@pytest.fixture
def cube() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """+z, -z, +x, -x, +y, -y, with vertices of their own."""
    half = SIDE / 2
    middles = [(0, 0, half), (0, 0, -half), (half, 0, 0), (-half, 0, 0), (0, half, 0), (0, -half, 0)]
    return together(*map(face, middles))


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_cube_from_above_and_from_the_side(cube: tuple, orthographic: bool) -> None:
    cameras = camera_array(
        [
            camera((0, 0, 3), (0, 1, 0), orthographic=orthographic),
            camera((3, 0, 0), (0, 0, 1), orthographic=orthographic),
        ]
    )
    found = viewing_cosines(*cube, cameras)
    assert found.shape == (2, 30)
    seen = (found > 0).reshape(2, 6, 5).all(axis=2)
    np.testing.assert_array_equal(seen[0], [True, False, False, False, False, False])
    np.testing.assert_array_equal(seen[1], [False, False, True, False, False, False])
    np.testing.assert_array_equal((found > 0).sum(axis=0)[[4, 9, 14, 19]], [1, 0, 1, 0])
    assert found[0, 4] == pytest.approx(1), "looked at straight"


def test_the_cosine_is_that_of_the_angle_to_the_camera() -> None:
    found = viewing_cosines(*face((0, 0, 1e-6)), camera_array([camera((1.5, 0, 1.5), (0, 0, 1))]))
    assert found[0, 4] == pytest.approx(np.cos(np.pi / 4), abs=1e-3)


@pytest.mark.parametrize(("above", "hides"), [(0.5, True), (0.01, False)])
def test_what_lies_before_a_surface_hides_it_beyond_the_tolerance(above: float, hides: bool) -> None:
    both = together(face((0, 0, 0.1)), face((0, 0, 0.1 + above)))
    found = viewing_cosines(*both, camera_array([camera((0, 0, 3), (0, 1, 0))]))
    assert (found[0, :5] == 0).all() == hides
    assert (found[0, 5:] > 0).all()


def test_a_picture_shows_only_what_lies_in_it() -> None:
    vertices, faces, normals = face((0, 0, 0.1))
    found = viewing_cosines(
        vertices + np.array([2.0, 0, 0]), faces, normals, camera_array([camera((0, 0, 3), (0, 1, 0))])
    )
    assert (found == 0).all()
