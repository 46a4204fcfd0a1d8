"""Orthographic cameras: what is farther away looks no smaller."""

from dataclasses import replace

import numpy as np
import pytest

from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import around_the_jaw
from scans.cameras import Camera


@pytest.fixture
def camera() -> Camera:
    """Half a picture is 1.6 high; the axis leaves it left of its middle and below it."""
    transform = around_the_jaw(70, 30, 3)
    return Camera(transform=transform, fx=20.0, fy=20.0, cx=30.0, cy=34.0, width=64, height=64, orthographic=True)


def rectangle(camera: Camera, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """0.4 to 0.9 to the right of the axis and 0.2 to 0.6 above it, `depth` in front of the camera."""
    corners = np.array([(0.4, 0.2, -depth), (0.9, 0.2, -depth), (0.9, 0.6, -depth), (0.4, 0.6, -depth)])
    return corners @ camera.rotation.T + camera.position, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


@pytest.mark.parametrize("depth", [0.5, 2.0, 4.0])
def test_a_rectangle_fills_the_same_pixels_at_each_depth(camera: Camera, shading: Shading, depth: float) -> None:
    (picture,) = render_views(*rectangle(camera, depth), [camera], shading, backend="numba", samples=1)
    rows, columns = np.nonzero(picture < 255)
    # Columns 30 + 20 * (0.4 to 0.9), rows 34 - 20 * (0.2 to 0.6).
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (38, 48, 22, 30)
    assert len(rows) == 80
    assert len(np.unique(picture[22:30, 38:48])) == 1, "lit alike: all lines of sight are parallel"


def test_the_nearer_face_hides_the_farther(camera: Camera, shading: Shading) -> None:
    near, faces = rectangle(camera, 2.0)
    far, _ = rectangle(camera, 2.001)
    far[1] += camera.rotation[:, 2] * -0.5  # tilted away, and so darker
    alone = render_views(near, faces, [camera], shading, backend="numba", samples=1)
    for first, second in ((near, far), (far, near)):
        both = np.concatenate((first, second)), np.concatenate((faces, faces + 4))
        np.testing.assert_array_equal(render_views(*both, [camera], shading, backend="numba", samples=1), alone)
    assert (render_views(far, faces, [camera], shading, backend="numba", samples=1) != alone).any()


def test_a_far_and_narrow_lens_comes_near_it(bumpy, camera: Camera, shading: Shading) -> None:
    far = replace(camera, transform=around_the_jaw(70, 30, 3000), fx=60_000.0, fy=60_000.0, orthographic=False)
    one, other = render_views(*bumpy, [camera, far], shading, backend="numba", samples=4).astype(int)
    assert np.abs(one - other).mean() < 0.05
    assert (one < 255).mean() > 0.1
