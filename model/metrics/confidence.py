"""How well expected errors are those that points have: rank correlation, sparsification, reliability by decile."""

import numpy as np
from scipy.stats import rankdata

REMOVED = 0.1  # fraction of the points that sparsification leaves out
DECILES = 10
RELIABILITY = ("decile", "expected_error_mm", "error_mm")


def confidence_metrics(expected: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Metrics of the expected errors of a case's points.

    Args:
        expected: (N,) expected distance to the true surface, errors: (N,) the real one; both in mm.

    Returns:
        `surface_error_mm`, `expected_error_mm`: means of the real and of the expected distance.
        `error_rank_correlation`: Spearman's, of the two.
        `sparsification`: how much leaving out the least sure tenth lowers the mean distance, as a fraction of how much
            leaving out the tenth that is worst lowers it: 1 for a perfect order, 0 for a random one (Ilg et al. 2018).
    """
    expected, errors = expected.astype(np.float64), errors.astype(np.float64)
    kept = len(errors) - round(REMOVED * len(errors))
    surest = errors[np.argsort(expected, kind="stable")[:kept]].mean()
    mean, best = errors.mean(), np.sort(errors)[:kept].mean()
    return {
        "surface_error_mm": float(mean),
        "expected_error_mm": float(expected.mean()),
        "error_rank_correlation": rank_correlation(expected, errors),
        "sparsification": float((mean - surest) / (mean - best)) if mean > best else 1.0,
    }


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two vectors (N,); 0 where one of them is constant."""
    ranks = [rankdata(each) - (len(each) + 1) / 2 for each in (a, b)]
    lengths = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    return float((ranks[0] * ranks[1]).sum() / lengths) if lengths > 0 else 0.0


def reliability(expected: np.ndarray, errors: np.ndarray) -> list[dict[str, float]]:
    """Mean expected and mean real error of each tenth of the points, the surest first; columns RELIABILITY.

    Args:
        expected, errors: (N,) of all points of all cases, in mm.
    """
    tenths = np.array_split(np.argsort(expected, kind="stable"), DECILES)
    rows = [(number, float(expected[own].mean()), float(errors[own].mean())) for number, own in enumerate(tenths, 1)]
    return [dict(zip(RELIABILITY, row, strict=True)) for row in rows]
