import numpy as np
import pytest

from model.metrics.bootstrap import mean_interval


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3, 1, 40), np.random.default_rng(0)) for _ in range(100)]
    assert 0.86 < np.mean([low < 3 < high for low, high in intervals]) <= 1
    width = np.mean([high - low for low, high in intervals])
    assert width == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.1)
    assert mean_interval([0.5], np.random.default_rng(0)) == (0.5, 0.5)
    assert mean_interval([1, 2, 4], np.random.default_rng(1)) == mean_interval([1, 2, 4], np.random.default_rng(1))
    with pytest.raises(ValueError, match="one case"):
        mean_interval([], np.random.default_rng(0))
