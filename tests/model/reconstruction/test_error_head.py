"""The error head: fitted to a relation that is known, calibrated, written and read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.metrics.confidence import rank_correlation
from model.reconstruction.error_head import ErrorHead, read_error_head, write_error_head
from model.reconstruction.fit_error_head import Sample, calibration, fit_error_head
from scans.errors import UserError


def sample(seed: int, count: int = 500) -> Sample:
    """Distances that are exponential about what is `expected` of the evidence."""
    rng = np.random.default_rng(seed)
    evidence = rng.normal(size=(count, 4)).astype(np.float32)
    return Sample(evidence, rng.exponential(expected(evidence)).astype(np.float32), 40.0)


def expected(evidence: np.ndarray) -> np.ndarray:
    """0.01 e^(|x| + y / 2), of the first two of four columns: no linear score has its order."""
    return 0.01 * np.exp(np.abs(evidence[:, 0]) + evidence[:, 1] / 2)


@pytest.fixture(scope="module")
def head() -> ErrorHead:
    return fit_error_head([sample(seed) for seed in range(6)])


def test_a_known_relation_is_recovered(head: ErrorHead) -> None:
    unseen = sample(7, 4000)
    found, truth = head(unseen.evidence), expected(unseen.evidence)
    assert found.dtype == np.float32
    assert rank_correlation(found, truth) > 0.9
    middle = np.abs(unseen.evidence[:, 0]) < 1
    np.testing.assert_allclose(found[middle].mean(), truth[middle].mean(), rtol=0.1)
    assert found.mean() == pytest.approx(unseen.distances.mean(), rel=0.15), "calibrated"


def test_its_description_is_of_cases_that_it_was_not_fitted_to(head: ErrorHead) -> None:
    told = head.description
    assert told["cases"] == 6
    all_of_them = [sample(seed) for seed in range(6)]
    errors = np.concatenate([each.distances for each in all_of_them]) * 40
    assert told["surface_error_mm"] == pytest.approx(errors.mean(), rel=1e-5)
    assert told["expected_error_mm"] == pytest.approx(errors.mean(), rel=0.02)
    assert 0.4 < told["error_rank_correlation"] < 0.8, "the distances are random, whatever is known"
    assert [row["decile"] for row in told["deciles"]] == [*range(1, 11)]


def test_a_calibration_rises_and_is_right_on_average() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(size=1000)
    distances = scores**2 + rng.normal(0, 0.2, 1000)
    knots = calibration(scores, distances)
    assert (np.diff(knots[0]) > 0).all()
    assert (np.diff(knots[1]) >= 0).all()
    assert np.interp(scores, *knots).mean() == pytest.approx(distances.mean(), abs=0.01)
    np.testing.assert_allclose(np.interp([0.3, 0.6, 0.9], *knots), [0.09, 0.36, 0.81], atol=0.1)


def test_the_same_cases_give_the_same_bytes_and_come_back(head: ErrorHead, tmp_path: Path) -> None:
    paths = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    write_error_head(head, paths[0], "weights")
    write_error_head(fit_error_head([sample(seed) for seed in range(6)]), paths[1], "weights")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = read_error_head(paths[0], "weights")
    assert again is not None
    evidence = sample(8).evidence
    np.testing.assert_allclose(again(evidence), head(evidence), rtol=1e-5)
    assert again.description == head.description


def test_no_head_and_one_of_other_weights(head: ErrorHead, tmp_path: Path) -> None:
    path = tmp_path / "error_head.safetensors"
    assert read_error_head(path, "weights") is None
    write_error_head(None, path, "weights")
    assert read_error_head(path, "weights") is None
    write_error_head(head, path, "weights")
    assert read_error_head(path, "others") is None


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_damaged_file_is_told(head: ErrorHead, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "error_head.safetensors"
    write_error_head(head, path, "weights")
    path.write_bytes(path.read_bytes()[:-10] if content is None else content)
    with pytest.raises(
        UserError, match=r"error_head.safetensors: not readable as an error head .* export the model again"
    ):
        read_error_head(path, "weights")


def test_layers_that_do_not_fit_together_are_told(head: ErrorHead, tmp_path: Path) -> None:
    path = tmp_path / "error_head.safetensors"
    write_error_head(replace(head, weight=np.ones(3)), path, "weights")
    with pytest.raises(UserError, match=r"not readable as an error head \(weight has the shape \(3,\)\)"):
        read_error_head(path, "weights")


def test_far_evidence_stays_within_the_calibration(head: ErrorHead) -> None:
    far = np.diag(np.float32([1e6, -1e6, 1e30, -1e30]))
    least, most = np.float32(head.distances[[0, -1]])
    assert ((head(far) >= least) & (head(far) <= most)).all()
