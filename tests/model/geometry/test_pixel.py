import numpy as np
import pytest

from model.geometry.pixel import pixel_of
from scans.cameras import Camera, camera_array, look_at_origin, project
from scans.visibility import lens_of


@pytest.mark.parametrize("orthographic", [False, True])
def test_it_is_where_project_puts_the_point(orthographic: bool) -> None:
    points = np.random.default_rng(0).normal(size=(100, 3))  # some of them behind the camera
    pose = look_at_origin((0.3, -0.5, 1), (0, 0, 1))
    camera = Camera(transform=pose, fx=90, fy=80, cx=31, cy=33, width=64, height=60, orthographic=orthographic)
    (vector,) = camera_array([camera])
    uv, depth = project(points, vector)
    found = np.array([pixel_of(*point, lens_of(camera)) for point in points])
    np.testing.assert_array_equal(found, np.column_stack([uv, depth]))
