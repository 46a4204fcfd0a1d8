import numpy as np

from model.training.seed_points import find_seed_points


def test_cells_that_hold_points_start_where_their_middle_is() -> None:
    cloud = np.array([[0.01, 0.01, 0.01], [0.04, 0.02, 0.01], [-0.01, 0.26, 0.0]], np.float32)
    np.testing.assert_allclose(find_seed_points([cloud]), [[-0.025, 0.275, 0.025], [0.025, 0.025, 0.025]], atol=1e-6)


def test_what_hardly_any_jaw_has_does_not_count() -> None:
    common, rare = np.zeros((1, 3), np.float32), np.array([[0, 0, 0], [0.9, 0, 0]], np.float32)
    assert len(find_seed_points([common] * 99 + [rare])) == 1
    assert len(find_seed_points([common] * 9 + [rare])) == 2
