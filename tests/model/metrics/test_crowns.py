import numpy as np
import pytest

from model.metrics.crowns import ALIGNMENTS, CROWN_COLUMNS, FIGURES, crown_distances, crown_summary, surface_distances


def plane(z: float, x: float = 0.0) -> np.ndarray:
    """11 × 11 points, 1 mm apart."""
    return np.stack(np.meshgrid(np.arange(11.0) + x, np.arange(11.0), [z]), axis=-1).reshape(-1, 3)


def test_parallel_planes() -> None:
    assert surface_distances(plane(0), plane(0.25)) == pytest.approx(dict.fromkeys(FIGURES, 0.25))


def test_a_stray_point_counts_by_hand() -> None:
    """121 pairs of 0.3 mm, both ways, and a point 10 mm above its neighbour, which is one of 122 on its side."""
    stray = np.concatenate([plane(0.3), [[5, 5, 10.0]]])
    found = surface_distances(stray, plane(0))
    assert found["assd"] == pytest.approx((242 * 0.3 + 10) / 243)
    assert found["rmsd"] == pytest.approx(np.sqrt((242 * 0.09 + 100) / 243))
    assert found["hd95"] == pytest.approx(0.3)
    assert found["hd"] == pytest.approx(10)


def test_hd95_is_the_worse_of_the_two_sides() -> None:
    """Half of the ground truth is missing in the prediction: all that is there lies right, so only one side tells."""
    gt = plane(0)
    found = surface_distances(gt[gt[:, 0] <= 5], gt)
    assert found["hd95"] == pytest.approx(5)  # the last of eleven columns, of which each is 9 %
    assert found["assd"] == pytest.approx(11 * (1 + 2 + 3 + 4 + 5) / (66 + 121))


def arch() -> tuple[np.ndarray, np.ndarray]:
    """Three teeth of one point set each, not in one plane and of no symmetry, and gingiva."""
    parts = {11: plane(0), 21: plane(3, 20)[:, [0, 2, 1]], 26: plane(6, 40)[::2] * [1, 2, 1], 0: plane(-4, 20)}
    labels = np.repeat(np.array(list(parts), np.uint8), [len(part) for part in parts.values()])
    return np.concatenate(list(parts.values())), labels


def test_a_jaw_that_was_shifted_lies_right_after_a_rigid_alignment() -> None:
    gt, labels = arch()
    found = crown_distances(gt + np.array([0.2, -0.1, 0.1]), labels, gt, labels)
    assert list(found) == [11, 21, 26]
    for tooth in found.values():
        assert tooth["hd_mm"] == pytest.approx(np.sqrt(0.06), abs=1e-5)
        assert tooth["hd_rigid_mm"] < 1e-3
        assert tooth["hd_similarity_mm"] < 1e-3


def test_a_jaw_of_the_wrong_size_lies_right_after_a_similarity_alignment_alone() -> None:
    gt, labels = arch()
    means = crown_summary(crown_distances(1.01 * gt, labels, gt, labels))
    assert means["tooth_assd_similarity_mm"] < 1e-3
    assert 0.02 < means["tooth_assd_rigid_mm"] < means["tooth_assd_mm"]


def test_gingiva_neither_counts_nor_pulls_the_alignment() -> None:
    gt, labels = arch()
    pred = gt.copy()
    pred[labels == 0] += 3
    assert max(tooth["hd_similarity_mm"] for tooth in crown_distances(pred, labels, gt, labels).values()) < 1e-3


def test_a_tooth_is_measured_against_the_tooth_of_its_number() -> None:
    gt, labels = arch()
    swapped = labels.copy()
    swapped[labels == 11], swapped[labels == 21] = 21, 11
    found = crown_distances(gt, swapped, gt, labels)
    assert found[26]["hd_mm"] == 0
    assert found[11]["assd_mm"] > 10
    assert found[21]["assd_mm"] > 10


def test_a_tooth_that_is_not_predicted_is_missing_and_in_no_mean() -> None:
    gt, labels = arch()
    kept = labels != 21
    found = crown_distances(gt[kept] + [0, 0, 0.1], labels[kept], gt, labels)
    assert found[21] == dict.fromkeys(CROWN_COLUMNS)
    means = crown_summary(found)
    assert means["missing_teeth"] == 1
    assert means["tooth_hd_mm"] == pytest.approx(0.1)
    assert len(means) == 1 + len(FIGURES) * len(ALIGNMENTS)


def test_a_jaw_without_any_tooth_misses_all() -> None:
    gt, labels = arch()
    means = crown_summary(crown_distances(gt, np.zeros_like(labels), gt, labels))
    assert means["missing_teeth"] == 3
    assert means["tooth_assd_mm"] is None


def test_unknown_labels_give_no_figures() -> None:
    gt, labels = arch()
    assert crown_summary(crown_distances(gt, labels, gt, np.zeros_like(labels))) == {}
