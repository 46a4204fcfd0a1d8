import numpy as np
import pytest

from model.metrics.alignment import SAMPLE, Similarity, align, umeyama


def turn(degrees: float) -> np.ndarray:
    """A rotation about (1, 1, 1)."""
    axis, angle = np.ones(3) / np.sqrt(3), np.radians(degrees)
    cross = np.cross(np.eye(3), axis).T
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def cloud(count: int = 400, seed: int = 0) -> np.ndarray:
    """Points in a box of 60 × 40 × 10 mm, whose sides tell every rotation."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3)) * [30, 20, 5]


def test_a_similarity_of_pairs_is_found_exactly() -> None:
    moved = Similarity(1.25, turn(120), np.array([5.0, -3, 40]))
    found = umeyama(cloud(), moved(cloud()), scaling=True)
    assert found.scale == pytest.approx(1.25)
    assert np.allclose(found.rotation, moved.rotation)
    assert np.allclose(found.shift, moved.shift)


def test_without_scaling_the_scale_stays() -> None:
    found = umeyama(cloud(), 2 * cloud(), scaling=False)
    assert found.scale == 1
    assert np.allclose(found.rotation, np.eye(3))


def test_pairs_that_are_mirrored_are_turned_and_never_mirrored() -> None:
    found = umeyama(cloud(), cloud() * [1, 1, -1], scaling=True)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert 0 < found.scale < 1


def test_pairs_at_one_place_are_only_shifted() -> None:
    found = umeyama(np.zeros((3, 3)), np.ones((3, 3)), scaling=True)
    assert np.allclose(found(np.zeros((1, 3))), 1)
    assert found.scale == 1


@pytest.mark.parametrize("scaling", [False, True])
def test_icp_moves_a_cloud_back(scaling: bool) -> None:
    moved = Similarity(1.02 if scaling else 1.0, turn(1.5), np.array([0.4, -0.3, 0.2]))
    found = align(moved(cloud()), cloud(), scaling=scaling)
    assert np.allclose(found(moved(cloud())), cloud(), atol=0.02)


def ellipsoid(count: int, seed: int) -> np.ndarray:
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * [30, 20, 5]


def test_another_sampling_of_a_surface_gets_its_size_back() -> None:
    found = align(1.03 * ellipsoid(2000, 0) + np.array([0.5, 0, 0.3]), ellipsoid(2000, 1), scaling=True)
    assert found.scale == pytest.approx(1 / 1.03, rel=0.005)
    assert np.abs(found.rotation - np.eye(3)).max() < 0.01


def test_more_points_than_the_sample_give_the_same_alignment() -> None:
    many = cloud(3 * SAMPLE)
    found = align(many + np.array([0.1, 0, 0]), many, scaling=False)
    assert np.allclose(found.shift, [-0.1, 0, 0], atol=0.02)
