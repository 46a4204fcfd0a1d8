"""Matching, density, uniformity, per tooth, intervals and baselines against brute force on small clouds."""

import itertools

import numpy as np
import pytest

from model.cases.case import Case
from model.metrics.attributes import label_accuracy, normal_consistency
from model.metrics.baselines import PictureIndex, drawn
from model.metrics.bootstrap import mean_interval
from model.metrics.density import ALPHA, density_aware_chamfer
from model.metrics.distances import compare, measure, unit_of
from model.metrics.matching import hungarian_accuracy, max_matching_ratio
from model.metrics.per_tooth import per_tooth, teeth_and_gingiva
from model.metrics.uniformity import SHARES, uniformity


def two_clouds(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + m)
    return rng.uniform(-0.1, 0.1, (n, 3)).astype(np.float32), rng.uniform(-0.1, 0.1, (m, 3)).astype(np.float32)


def all_distances(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.linalg.norm(predicted[:, None].astype(float) - truth[None], axis=-1)


def test_one_to_one_is_the_best_of_all_permutations() -> None:
    predicted, truth = two_clouds(7, 7)
    every = all_distances(predicted, truth)
    best = min(itertools.permutations(range(7)), key=lambda order: every[range(7), order].sum())
    for threshold in (0.05, 0.08, 0.12):
        share = hungarian_accuracy(predicted, truth, threshold, 2, np.random.default_rng(0))
        assert share == (every[range(7), best] <= threshold).mean()


def test_one_to_one_gives_nothing_for_clusters() -> None:
    _, truth = two_clouds(2, 500)
    clustered = np.repeat(truth[:5], 100, axis=0)
    assert measure(clustered, truth, 1.0)["precision_010"] == 1
    assert hungarian_accuracy(clustered, truth, 0.01, 1, np.random.default_rng(0)) < 0.05
    assert hungarian_accuracy(truth, truth, 0.01, 1, np.random.default_rng(0)) == 1


@pytest.mark.parametrize("threshold", [0.005, 0.02, 0.04])
@pytest.mark.parametrize(("n", "m"), [(60, 60), (60, 40), (40, 70)])
def test_most_pairs_within_the_threshold(threshold: float, n: int, m: int) -> None:
    predicted, truth = two_clouds(n, m)
    near = all_distances(predicted, truth) <= threshold
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
    assert max_matching_ratio(predicted, truth, threshold) == most / max(n, m)


def test_with_too_many_pairs_the_share_is_a_lower_bound_over_the_nearest() -> None:
    predicted, truth = two_clouds(60, 60)
    exact = max_matching_ratio(predicted, truth, 0.1)
    bound = max_matching_ratio(predicted, truth, 0.1, pairs=60)
    nearest = all_distances(predicted, truth).argmin(axis=1)
    assert bound == len(set(nearest)) / 60
    assert bound < exact


def test_clumped_clouds_match_once() -> None:
    _, truth = two_clouds(2, 300)
    clumped = np.repeat(truth[:1], 300, axis=0)
    within = (all_distances(clumped[:1], truth) <= 0.05).sum()
    assert max_matching_ratio(clumped, truth, 0.05) == within / 300


def test_density_aware_chamfer_by_its_formula() -> None:
    predicted, truth = two_clouds(50, 80)
    found = compare(predicted, truth)
    every = all_distances(predicted, truth)

    def direction(distances: np.ndarray, ratio: float) -> float:
        nearest = distances.argmin(axis=1)
        costs = []
        for row, column in enumerate(nearest):
            sharers = (nearest == column).sum()
            costs.append(1 - min(1, ratio / sharers) * np.exp(-ALPHA * distances[row, column] ** 2))
        return np.mean(costs)

    expected = (direction(every, 50 / 80) + direction(every.T, 80 / 50)) / 2
    parts = found.pred_to_gt, found.pred_to_gt_idx, found.gt_to_pred, found.gt_to_pred_idx
    assert density_aware_chamfer(*parts) == pytest.approx(expected)
    same = compare(truth, truth)
    assert density_aware_chamfer(same.pred_to_gt, same.pred_to_gt_idx, same.gt_to_pred, same.gt_to_pred_idx) == 0


def test_uniformity_by_its_formula_and_its_order() -> None:
    rng = np.random.default_rng(0)
    truth = np.stack([*(axis.ravel() for axis in np.meshgrid(*[np.linspace(-1, 1, 30)] * 2)), np.zeros(900)], axis=1)
    predicted = rng.uniform(-1, 1, (700, 3)) * (1, 1, 0)
    spacing = all_distances(predicted, predicted)
    np.fill_diagonal(spacing, np.inf)
    spacing = spacing.min(axis=1)
    products = []
    for share in SHARES:
        radius = np.sqrt(share * 4 / np.pi)
        for seed in truth:
            inside = np.linalg.norm(predicted - seed, axis=1) <= radius
            held = (np.linalg.norm(truth - seed, axis=1) <= radius).sum()
            due, count = held * 700 / 900, inside.sum()
            lattice = np.sqrt(2 * held * 4 / 900 / (np.sqrt(3) * max(count, 1)))
            clutter = ((spacing[inside] if count else np.zeros(1)) - lattice) ** 2 / lattice
            products.append((count - due) ** 2 / due * clutter.mean())
    assert uniformity(predicted, spacing, truth, 4.0, np.random.default_rng(1)) == pytest.approx(np.mean(products))
    even = uniformity(truth, np.full(900, 2 / 29), truth, 4.0, np.random.default_rng(1))
    assert even == 0  # as many points in each ball as are due
    heaped = np.repeat(predicted[:70], 10, axis=0)
    assert uniformity(heaped, np.zeros(700), truth, 4.0, np.random.default_rng(1)) > 3 * np.mean(products)


def test_normals_and_labels_of_nearest_points() -> None:
    predicted, truth = np.array([[0, 0, 0], [1, 0, 0]]), np.array([[0, 0, 0.1], [1, 0, 0.1], [1, 0, 0.2]])
    found = compare(predicted, truth)
    half = np.sqrt(0.5)
    of_predicted, of_truth = np.array([[0, 0, 1], [0, half, half]]), np.array([[0, 0, -1], [0, 0, 1], [0, 1, 0]])
    assert normal_consistency(found, of_predicted, of_truth) == pytest.approx(
        ((1 + half) / 2 + (1 + half + half) / 3) / 2
    )
    assert label_accuracy(found, np.array([11, 12]), np.array([11, 12, 0])) == pytest.approx(2 / 3)


def test_figures_per_tooth_by_hand() -> None:
    pred_to_gt, pred_to_gt_idx = np.array([0.005, 0.02, 0.5]), np.array([0, 0, 2])
    gt_to_pred, labels = np.array([0.005, 0.02, 0.03, 0.4]), np.array([11, 11, 0, 21], np.uint8)
    rows = {row["fdi"]: row for row in per_tooth(pred_to_gt, pred_to_gt_idx, gt_to_pred, labels, 40.0)}
    assert list(rows) == [0, 11, 21]
    assert rows[11]["points"] == 2
    assert (rows[11]["precision_010"], rows[11]["recall_010"], rows[11]["precision_035"]) == (0.5, 0.5, 1)
    assert rows[11]["completeness_mm"] == pytest.approx(40 * 0.0125)
    assert (rows[0]["precision_035"], rows[0]["recall_035"]) == (0, 1)
    assert rows[21]["precision_035"] is None
    assert rows[21]["recall_035"] == 0
    both = teeth_and_gingiva(pred_to_gt, pred_to_gt_idx, gt_to_pred, labels, 40.0)
    assert both["recall_035_teeth"] == pytest.approx(2 / 3)
    assert both["completeness_mm_gingiva"] == pytest.approx(40 * 0.03)
    assert both["accuracy_mm_teeth"] == pytest.approx(40 * 0.0125)


def test_unknown_labels_give_no_figures() -> None:
    args = np.zeros(2), np.array([0, 1]), np.zeros(2), np.zeros(2, np.uint8), 40.0
    assert per_tooth(*args) == []
    assert teeth_and_gingiva(*args) == {}


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3, 1, 40), seed=0) for _ in range(100)]
    assert 0.86 < np.mean([low < 3 < high for low, high in intervals]) <= 1
    width = np.mean([high - low for low, high in intervals])
    assert width == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.1)
    assert mean_interval([0.5], seed=0) == (0.5, 0.5)
    assert mean_interval([1, 2, 4], seed=1) == mean_interval([1, 2, 4], seed=1)
    with pytest.raises(ValueError, match="one case"):
        mean_interval([], seed=0)


def test_a_moved_and_scaled_frame_changes_no_figure() -> None:
    predicted, truth = two_clouds(300, 400)
    before = compare(predicted, truth, unit_of(truth))
    after = compare(2 * predicted + 0.5, 2 * truth + 0.5, unit_of(2 * truth + 0.5))
    np.testing.assert_allclose(after.pred_to_gt, before.pred_to_gt, atol=1e-5)
    np.testing.assert_allclose(after.spacing, before.spacing, atol=1e-5)


def picture_case(name: str, grey: int, view_mask: tuple[bool, bool] = (True, True)) -> Case:
    views = np.full((2, 80, 90), grey, np.uint8) * np.array(view_mask, np.uint8)[:, None, None]
    return Case(name, views, np.array(view_mask), np.zeros((4, 3), np.float32), 40.0)


def test_the_jaw_of_the_nearest_pictures() -> None:
    index = PictureIndex([picture_case("a", 10), picture_case("b", 100), picture_case("c", 90, (False, True))])
    assert index.nearest(picture_case("x", 40)) == 0
    assert index.nearest(picture_case("x", 92)) == 2
    assert index.nearest(picture_case("x", 92, (True, False))) == 1, "c shows other views"
    assert index.nearest(picture_case("b", 100)) == 2, "never the case itself"
    assert PictureIndex([picture_case("b", 0)]).nearest(picture_case("b", 0)) is None


def test_another_jaw_by_chance() -> None:
    ids = ["a", "b", "c"]
    found = [drawn(f"case{number}", ids, 0) for number in range(40)]
    assert set(found) == {0, 1, 2}
    assert found == [drawn(f"case{number}", ids, 0) for number in range(40)]
    assert all(drawn("b", ids, seed) != 1 for seed in range(20))
    assert drawn("b", ["b"], 0) is None
