import itertools

import numpy as np
import pytest

from model.metrics.distances import measure
from model.metrics.matching import hungarian_accuracy, max_matching_ratio
from tests.model.metrics.clouds import all_distances, two_clouds


def test_one_to_one_is_the_best_of_all_permutations() -> None:
    pred, gt = two_clouds(7, 7)
    every = all_distances(pred, gt)
    best = min(itertools.permutations(range(7)), key=lambda order: every[range(7), order].sum())
    for threshold in (0.05, 0.08, 0.12):
        ratio = hungarian_accuracy(pred, gt, threshold, 2, np.random.default_rng(0))
        assert ratio == (every[range(7), best] <= threshold).mean()


def test_one_to_one_gives_nothing_for_clusters() -> None:
    _, gt = two_clouds(2, 500)
    clustered = np.repeat(gt[:5], 100, axis=0)
    assert measure(clustered, gt, 1.0)["precision_010"] == 1
    assert hungarian_accuracy(clustered, gt, 0.01, 1, np.random.default_rng(0)) < 0.05
    assert hungarian_accuracy(gt, gt, 0.01, 1, np.random.default_rng(0)) == 1


@pytest.mark.parametrize("threshold", [0.005, 0.02, 0.04])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (60, 40), (40, 70)])
def test_most_pairs_within_the_threshold(threshold: float, n: int, m: int) -> None:
    pred, gt = two_clouds(n, m)
    near = all_distances(pred, gt) <= threshold
    partner = np.full(m, -1)

    def augment(row: int, seen: set[int]) -> bool:
        for column in np.flatnonzero(near[row]):
            if column not in seen:
                seen.add(column)
                if partner[column] < 0 or augment(partner[column], seen):
                    partner[column] = row
                    return True
        return False

    most = sum(augment(row, set()) for row in range(n))
    assert max_matching_ratio(pred, gt, threshold) == most / max(n, m)


def test_with_too_many_pairs_the_share_is_a_lower_bound_over_the_nearest() -> None:
    pred, gt = two_clouds(60, 60)
    exact = max_matching_ratio(pred, gt, 0.1)
    bound = max_matching_ratio(pred, gt, 0.1, pairs=60)
    nearest = all_distances(pred, gt).argmin(axis=1)
    assert bound == len(set(nearest)) / 60
    assert bound < exact


def test_clumped_clouds_match_once() -> None:
    _, gt = two_clouds(2, 300)
    clumped = np.repeat(gt[:1], 300, axis=0)
    within = (all_distances(clumped[:1], gt) <= 0.05).sum()
    assert max_matching_ratio(clumped, gt, 0.05) == within / 300
