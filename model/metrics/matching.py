"""One-to-one matching metrics: a predicted point counts for one ground-truth point only, so clusters earn nothing."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

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
    pred_tree, gt_tree = cKDTree(pred.astype(np.float64)), cKDTree(gt.astype(np.float64))
    # The bound is closed, as all thresholds here are; the trees' is open, or rounds squares.
    reach = np.nextafter(threshold, np.inf)
    if pred_tree.count_neighbors(gt_tree, reach) <= pairs:
        near = pred_tree.sparse_distance_matrix(gt_tree, reach, output_type="ndarray")
        rows, columns, distances = near["i"], near["j"], near["v"]
    else:
        k = min(max(1, pairs // len(pred)), len(gt))
        distances, columns = (part.ravel() for part in gt_tree.query(pred_tree.data, k, distance_upper_bound=reach))
        rows = np.repeat(np.arange(len(pred)), k)
    near = distances <= threshold
    rows, columns = rows[near].astype(np.int32), columns[near].astype(np.int32)
    graph = csr_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=(len(pred), len(gt)))
    size = maximum_matching(graph.indptr.astype(np.int64), graph.indices.astype(np.int32), len(gt))
    return size / max(graph.shape)
