import math

import numpy as np
import pytest

from scans.anatomy import CONTACT_LINE
from scans.preparing.relief import CELL, DEPTH, SIZE, arch_coordinates, fit_arch, look, view_axes


def ridge(azimuth: float, width: float) -> np.ndarray:
    """Points of a wall 6 mm thick and 8 mm high along an arch whose incisors lie at the azimuth, on a floor."""
    x = np.linspace(-27, 27, 200)
    a, b, c = CONTACT_LINE
    line = np.stack([((a * x**2 + b) * x**2 + c) * x**2, x], axis=1) * width  # behind, lateral
    cos, sin = math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth))
    flat = np.stack([-line[:, 0] * cos - line[:, 1] * sin, -line[:, 0] * sin + line[:, 1] * cos], axis=1)
    thick = flat[:, None] + np.mgrid[-3:4, -3:4].reshape(2, -1).T
    return np.concatenate([np.insert(thick.reshape(-1, 2), 2, height, axis=1) for height in (0.0, -8.0)])


def test_heights_are_those_of_the_highest_points() -> None:
    points = np.array([[-10.0, 0, 3], [-10, 0, 1], [10, 0, -2], [10, 0, -50], [0, 0, -40]])
    view = look(points, np.eye(3))
    cell = [(view.rows[n], view.columns[n]) for n in range(5)]
    assert cell[0] == cell[1] == (SIZE // 2, SIZE // 2 + math.floor(-10 / CELL))
    np.testing.assert_array_equal(view.depth, [0, 2, 5, 53, 43])
    assert view.heights[cell[0]] == 0
    assert view.heights[cell[2]] == -5
    assert view.heights[cell[4]] == -DEPTH
    assert view.outline[cell[4]]


def test_axes_of_a_view_are_right_handed() -> None:
    axes = view_axes(np.array([0.6, 0.0, 0.8]))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(axes) == pytest.approx(1)
    np.testing.assert_allclose(
        view_axes(np.array([0, 0, 1.0]), np.array([0, 2.0, 1])), [[0, 1, 0], [-1, 0, 0], [0, 0, 1]]
    )


@pytest.mark.parametrize(("azimuth", "width"), [(0, 1.0), (100, 0.9), (270, 1.1)])
def test_an_arch_is_found_as_it_lies(azimuth: float, width: float) -> None:
    view = look(ridge(azimuth, width), np.eye(3))
    fit = fit_arch(view, 1.0, 1.0)
    finer = fit_arch(view, 1.0, 1.0, near=fit.azimuth)
    for found in (fit, finer):
        assert abs((found.azimuth - azimuth + 180) % 360 - 180) < 3
        assert found.correlation > 0.55
        assert found.width == pytest.approx(width, abs=0.101)
    assert fit.score > fit.elsewhere + 0.2
    lateral, behind, outside = arch_coordinates(finer)
    wall = view.heights > -1
    assert np.abs(outside[wall]).mean() < 3
    assert outside[(np.abs(lateral) < 2) & (np.abs(behind - 25) < 2)].max() < -10
