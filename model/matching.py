"""One-to-one figures: a predicted point counts for one true point only, so that clusters earn nothing."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

from model.assignment import assign

SAMPLE = 5_000  # points of each cloud in a draw, P2's figure
PARTNERS = 256  # true points within the threshold that a predicted point keeps, the nearest


def one_to_one(
    predicted: np.ndarray, truth: np.ndarray, threshold: float, draws: int, rng: np.random.Generator
) -> float:
    """P2's one-to-one accuracy: the share of pairs within the threshold in the assignment of least total distance.

    A draw takes 5,000 points of each cloud by chance (all of the smaller cloud where it has fewer) and assigns them one
    to one, so that the sum of the distances of all pairs is least; the threshold is looked at only then. Even two
    perfect samplings of one surface stay far below 1.

    Args:
        predicted: (N, 3). truth: (M, 3). threshold: in the same units.

    Returns:
        The mean of the draws.
    """
    count = min(SAMPLE, len(predicted), len(truth))
    shares = []
    for _ in range(draws):
        mine = predicted[rng.choice(len(predicted), count, replace=False)]
        true = truth[rng.choice(len(truth), count, replace=False)]
        distances = np.linalg.norm(mine.astype(np.float64) - true[assign(mine, true)], axis=1)
        shares.append(float((distances <= threshold).mean()))
    return float(np.mean(shares))


def matched_share(predicted: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    """The largest share of all points that can be paired one to one within the threshold (Hopcroft-Karp).

    Exact where no predicted point has more than 256 true points within the threshold, as on 50,000 points of blue noise
    at 0.035, however the prediction clumps; where one has more, its nearest 256 count, and the result is a lower bound.
    Either way N * 256 pairs are held at most.

    Args:
        predicted: (N, 3). truth: (M, 3). threshold: in the same units.

    Returns:
        Pairs over the larger of N and M.
    """
    k = min(PARTNERS, len(truth))
    tree = cKDTree(truth.astype(np.float64))
    counts = tree.query_ball_point(predicted.astype(np.float64), threshold, return_length=True)
    k = max(1, min(k, int(counts.max())))
    # The bound is closed, as all thresholds here are; the tree's is open.
    reach = np.nextafter(threshold, np.inf)
    distances, found = tree.query(predicted.astype(np.float64), k, distance_upper_bound=reach)
    distances, found = distances.reshape(-1, k), found.reshape(-1, k)
    near = distances <= threshold
    start = np.concatenate([[0], np.cumsum(near.sum(axis=1))])
    pairs = csr_array(
        (np.ones(start[-1], np.bool_), found[near].astype(np.int32), start.astype(np.int32)),
        shape=(len(predicted), len(truth)),
    )
    return float((maximum_bipartite_matching(pairs, perm_type="column") >= 0).sum()) / max(len(predicted), len(truth))
