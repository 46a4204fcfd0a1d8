import numpy as np
import pytest

from model.metrics.distances import measure
from model.training.mean_shape import mean_shape


def plane(height: float) -> np.ndarray:
    """A square of 21 x 21 points at a height."""
    across = np.linspace(-1, 1, 21)
    x, y = np.meshgrid(across, across)
    return np.stack([x.ravel(), y.ravel(), np.full(441, height)], axis=1).astype(np.float32)


def test_equal_clouds_are_their_own_mean() -> None:
    shape = mean_shape([plane(0.25)] * 3, 441, np.random.default_rng(0))
    assert shape.shape == (441, 3)
    assert shape.dtype == np.float32
    np.testing.assert_allclose(shape, plane(0.25), atol=1e-6)


def test_between_parallel_planes_it_is_the_middle_one_whatever_their_order() -> None:
    # Chamfer's distances are not squared, so their sum is least at the median height, not at the mean of 0.05.
    for heights in ((-0.02, 0.0, 0.17), (0.17, -0.02, 0.0)):
        shape = mean_shape([plane(height) for height in heights], 441, np.random.default_rng(0))
        np.testing.assert_allclose(shape[:, 2], 0, atol=0.004)


def test_it_scores_better_than_any_training_cloud() -> None:
    rng = np.random.default_rng(0)
    angle = np.linspace(0, np.pi, 500)
    clouds = []
    for _ in range(12):
        width, depth = rng.normal([0.6, 0.8], 0.06)
        shape = np.stack([width * np.cos(angle), depth * np.sin(angle), np.zeros(500)], axis=1)
        clouds.append((shape + 0.01 * rng.normal(size=(500, 3))).astype(np.float32))
    unseen = clouds[6:]
    known = clouds[:6]

    def chamfer(points: np.ndarray) -> float:
        return float(np.mean([measure(points, truth, 1.0)["chamfer"] for truth in unseen]))

    assert chamfer(mean_shape(known, 500, np.random.default_rng(0))) < min(chamfer(cloud) for cloud in known)


def test_fewer_points_and_the_seed_decides() -> None:
    rng = np.random.default_rng(1)
    clouds = [rng.normal(size=(300, 3)).astype(np.float32) for _ in range(4)]
    shape = mean_shape(clouds, 100, np.random.default_rng(3))
    assert shape.shape == (100, 3)
    assert np.array_equal(shape, mean_shape(clouds, 100, np.random.default_rng(3)))
    assert not np.array_equal(shape, mean_shape(clouds, 100, np.random.default_rng(4)))


def test_too_little_to_work_with_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one training cloud"):
        mean_shape([], 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="441 points, fewer than 500"):
        mean_shape([plane(0)], 500, np.random.default_rng(0))
