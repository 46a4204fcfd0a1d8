import numpy as np
import pytest
from scipy.sparse import random_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from model.metrics.bipartite import maximum_matching


def matched(graph: np.ndarray) -> int:
    rows, targets = np.nonzero(graph)
    starts = np.searchsorted(rows, np.arange(len(graph) + 1)).astype(np.int64)
    return maximum_matching(starts, targets.astype(np.int32), graph.shape[1])


def test_the_greedy_choice_is_taken_back() -> None:
    # Both rows can have the first column; only the first row can have the second one, and is served first.
    assert matched(np.array([[1, 1], [1, 0]])) == 2
    # A chain in which each pair must move on for the last one to fit in.
    chain = np.eye(50, dtype=int) + np.eye(50, k=1, dtype=int)
    assert matched(chain) == 50
    assert matched(np.ones((7, 3), int)) == 3
    assert matched(np.zeros((3, 4), int)) == 0


@pytest.mark.parametrize("seed", range(40))
def test_any_graph_gives_what_scipy_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 120, 2))
    graph = random_array(shape, density=rng.choice([0.005, 0.02, 0.1, 0.5]), rng=rng, format="csr")
    expected = int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
    assert matched(graph.toarray() != 0) == expected
