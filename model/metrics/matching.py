"""One-to-one figures: a predicted point counts for one true point only, so that clusters earn nothing."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from model.metrics.bipartite import largest_matching

SAMPLE = 5_000  # points of each cloud in a draw, P2's figure
PAIRS = 20_000_000  # within the threshold that are held at once, 480 MB; 5 million at 0.035 on 50,000 points


def hungarian_accuracy(
    predicted: np.ndarray, truth: np.ndarray, threshold: float, draws: int, rng: np.random.Generator
) -> float:
    """P2's one-to-one accuracy: the share of pairs within the threshold in the assignment of least total distance.

    A draw takes 5,000 points of each cloud by chance (all of the smaller cloud where it has fewer) and assigns them one
    to one, so that the sum of the distances of all pairs is least; the threshold is looked at only then. Even two
    perfect samplings of one surface stay far below 1. A draw holds all pairs of its points, 200 MB, and takes seconds.

    Args:
        predicted: (N, 3). truth: (M, 3). threshold: in the same units. draws: 1 or more.

    Returns:
        The mean of the draws.
    """
    count = min(SAMPLE, len(predicted), len(truth))
    shares = []
    for _ in range(draws):
        mine = predicted[rng.choice(len(predicted), count, replace=False)]
        true = truth[rng.choice(len(truth), count, replace=False)]
        distances = cdist(mine, true)  # (count, count)
        shares.append(float((distances[linear_sum_assignment(distances)] <= threshold).mean()))
    return float(np.mean(shares))


def max_matching_ratio(predicted: np.ndarray, truth: np.ndarray, threshold: float, pairs: int = PAIRS) -> float:
    """The largest share of all points that can be paired one to one within the threshold.

    Exact where at most `pairs` pairs of points lie within the threshold, as they do at 0.035 with 50,000 evenly spread
    true points, however the prediction clumps. Where more do, a predicted point keeps its nearest `pairs` / N alone,
    and the result is a lower bound.

    Args:
        predicted: (N, 3). truth: (M, 3). threshold: in the same units.

    Returns:
        Pairs over the larger of N and M.
    """
    mine, true = cKDTree(predicted.astype(np.float64)), cKDTree(truth.astype(np.float64))
    # The bound is closed, as all thresholds here are; the trees' is open, or rounds squares.
    reach = np.nextafter(threshold, np.inf)
    if mine.count_neighbors(true, reach) <= pairs:
        near = mine.sparse_distance_matrix(true, reach, output_type="ndarray")
        rows, columns, distances = near["i"], near["j"], near["v"]
    else:
        k = min(max(1, pairs // len(predicted)), len(truth))
        distances, columns = (part.ravel() for part in true.query(mine.data, k, distance_upper_bound=reach))
        rows = np.repeat(np.arange(len(predicted)), k)
    near = distances <= threshold
    rows, columns = rows[near].astype(np.int32), columns[near].astype(np.int32)
    graph = csr_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=(len(predicted), len(truth)))
    size = largest_matching(graph.indptr.astype(np.int64), graph.indices.astype(np.int32), len(truth))
    return size / max(graph.shape)
