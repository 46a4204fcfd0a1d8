import numpy as np

from model.geometry.cells import cells_of, first_in_each_cell


def test_points_share_a_number_where_they_share_a_cell() -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9], [1.1, 0.1, 0.1], [-0.1, 0.1, 0.1], [0.1, 0.1, 1.1]])
    assert cells_of(points, 1.0).tolist() == [2, 2, 4, 0, 3]
    assert first_in_each_cell(points, 1.0).tolist() == [3, 0, 4, 2]


def test_numbers_are_in_the_order_of_the_cells() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    rows = np.floor(points / 0.3).astype(np.int64)
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    _, found, own = np.unique(cells_of(points, 0.3), return_index=True, return_inverse=True)
    np.testing.assert_array_equal(found, first)
    np.testing.assert_array_equal(own, group.ravel())


def test_points_however_far_have_a_cell() -> None:
    far = np.array([[0.0, 0, 0], [1e30, -1e30, 1e30], [1e12, -1e12, 1e12], [0.1, 0, 0]])
    numbers = cells_of(far, 0.5)
    assert numbers[0] == numbers[3]
    assert numbers[1] == numbers[2] != numbers[0]
