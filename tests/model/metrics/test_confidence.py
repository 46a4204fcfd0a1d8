import numpy as np
import pytest
from scipy.stats import spearmanr

from model.metrics.confidence import confidence_metrics, rank_correlation, reliability

ERRORS = np.arange(1.0, 11)  # mean 5.5; without the worst tenth 5


def test_by_hand() -> None:
    perfect = confidence_metrics(ERRORS / 2, ERRORS)
    assert perfect == pytest.approx(
        {"surface_error_mm": 5.5, "expected_error_mm": 2.75, "error_rank_correlation": 1, "sparsification": 1}
    )
    turned = confidence_metrics(-ERRORS, ERRORS)  # leaves out the 1: the mean rises to 6
    assert turned["error_rank_correlation"] == pytest.approx(-1)
    assert turned["sparsification"] == pytest.approx((5.5 - 6) / (5.5 - 5))


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 20, 200).astype(float)
    b = a + rng.normal(0, 5, 200)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(np.ones(200), b) == 0


def test_deciles_from_the_surest_on() -> None:
    expected, errors = np.arange(20.0), np.arange(20.0)[::-1]
    rows = reliability(expected, errors)
    assert [row["decile"] for row in rows] == [*range(1, 11)]
    assert rows[0] == {"decile": 1, "expected_error_mm": 0.5, "error_mm": 18.5}
    assert rows[9]["expected_error_mm"] == 18.5
