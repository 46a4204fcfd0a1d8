import numpy as np
import pytest

from scans.errors import ScanError
from scans.preparing.normalise import center_and_radius, denormalise, normalise


def test_by_hand() -> None:
    points = np.array([[0, 0, 0], [4, 0, 0], [2, 3, 0], [2, -3, 0]], np.float32)
    center, radius = center_and_radius(points)
    assert center.tolist() == [2, 0, 0]
    assert radius == 3
    assert normalise(points, center, radius)[2].tolist() == [0, 1, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unit_sphere_and_back(dtype: type) -> None:
    points = (np.random.default_rng(0).normal(size=(5000, 3)) * 20 + [3, -8, -90]).astype(dtype)
    center, radius = center_and_radius(points)
    unit = normalise(points, center, radius)
    assert unit.dtype == dtype
    step = float(np.finfo(dtype).eps)
    assert np.linalg.norm(unit.astype(np.float64), axis=1).max() == pytest.approx(1, abs=4 * step)
    back = denormalise(unit, center, radius)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, points, rtol=0, atol=200 * step)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((0, 3)), "shape"),
        (np.zeros((5, 2)), "shape"),
        (np.ones((5, 3)), "span no sphere"),
        (np.full((5, 3), np.nan), "span no sphere"),
    ],
)
def test_refusals(points: np.ndarray, reason: str) -> None:
    with pytest.raises(ScanError, match=reason):
        center_and_radius(points)
