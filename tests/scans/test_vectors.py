import numpy as np
import pytest

from scans.vectors import dot, norm, ordered_sum, tangents, unit


def test_dot_adds_from_the_first_component_on() -> None:
    # (1e16 + 1) - 1e16 is 0 in floats, 1e16 - 1e16 + 1 is 1.
    assert dot(np.array([1e16, 1.0, -1e16]), np.ones(3)) == 0
    assert dot(np.array([1e16, -1e16, 1.0]), np.ones(3)) == 1
    np.testing.assert_array_equal(dot(np.array([[1.0, 2], [3, 4]]), np.array([10.0, 1])), [12, 34])


def test_dot_rounds_each_product() -> None:
    almost_1 = 1 + 2.0**-30
    assert dot(np.array([almost_1, -1.0]), np.array([almost_1, 1 + 2.0**-29])) == 0, "fused, it would be 2^-60"


def test_norm_and_unit() -> None:
    vectors = np.array([[3.0, 4, 0], [0, 0, 0], [2, 3, 6]])
    np.testing.assert_array_equal(norm(vectors), [5, 0, 7])
    np.testing.assert_array_equal(unit(vectors), [[0.6, 0.8, 0], [0, 0, 0], [2 / 7, 3 / 7, 6 / 7]])


def test_ordered_sum_adds_one_after_another() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 3))
    expected = [0.0, 0.0, 0.0]
    for row in rows.tolist():
        expected = [total + value for total, value in zip(expected, row, strict=True)]
    np.testing.assert_array_equal(ordered_sum(rows), expected)
    assert ordered_sum(rows[:, 0]) == expected[0]
    np.testing.assert_array_equal(ordered_sum(np.zeros((0, 3))), [0, 0, 0])
    assert ordered_sum(np.zeros(0)) == pytest.approx(0)


def test_tangents_are_at_right_angles_to_the_normal_and_to_each_other() -> None:
    normals = unit(np.concatenate([np.random.default_rng(0).normal(size=(50, 3)), np.eye(3), -np.eye(3)]))
    frames = np.stack([*tangents(normals), normals], axis=1)
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), frames.shape), atol=1e-12)
