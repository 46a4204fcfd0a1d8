"""One-to-one matching metrics: a predicted point counts for one ground-truth point only, so clusters earn nothing."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from model.geometry.radius_search import pairs_within
from model.metrics.bipartite import maximum_matching

SAMPLE = 5_000  # points of each cloud in a draw, as in P2
PAIRS = 20_000_000  # within the threshold in memory at once, 480 MB; 5 million at 0.035 on 50,000 points


def hungarian_accuracy(
    pred: np.ndarray, gt: np.ndarray, threshold: float, draws: int, rng: np.random.Generator
) -> float:
    """P2's one-to-one accuracy: the fraction of pairs within the threshold in the assignment of least total distance.

    A draw samples 5,000 points of each cloud (all of a smaller cloud) and assigns them one to one with the least total
    distance; the threshold is applied afterwards. Even two perfect samplings of one surface stay far below 1. A draw
    needs 200 MB and seconds.

    Args:
        pred: (N, 3). gt: (M, 3). threshold: in the same units. draws: 1 or more.

    Returns:
        The mean of the draws.
    """
    count = min(SAMPLE, len(pred), len(gt))
    fractions = []
    for _ in range(draws):
        pred_sample = pred[rng.choice(len(pred), count, replace=False)]
        gt_sample = gt[rng.choice(len(gt), count, replace=False)]
        distances = cdist(pred_sample, gt_sample)  # (count, count)
        fractions.append(float((distances[linear_sum_assignment(distances)] <= threshold).mean()))
    return float(np.mean(fractions))


def max_matching_ratio(pred: np.ndarray, gt: np.ndarray, threshold: float, pairs: int = PAIRS) -> float:
    """The largest fraction of all points that can be paired one to one within the threshold.

    Exact if at most `pairs` pairs lie within the threshold, as at 0.035 with 50,000 evenly spread ground-truth
    points, however the prediction clumps. Otherwise each predicted point keeps its nearest `pairs` / N, and the
    result is a lower bound.

    Args:
        pred: (N, 3). gt: (M, 3). threshold: in the same units.

    Returns:
        Pairs over the larger of N and M.
    """
    within = pairs_within(pred, gt, threshold, pairs)
    if within is None:
        k = min(max(1, pairs // len(pred)), len(gt))
        # The bound is closed, as all thresholds here are; the tree's is open.
        reach = np.nextafter(threshold, np.inf)
        distances, columns = cKDTree(gt.astype(np.float64)).query(
            pred.astype(np.float64), k, distance_upper_bound=reach
        )
        near = (distances <= threshold).reshape(len(pred), k)
        within = np.concatenate([[0], np.cumsum(near.sum(axis=1))]), columns.reshape(near.shape)[near].astype(np.int32)
    return maximum_matching(*within, len(gt)) / max(len(pred), len(gt))
