from dataclasses import replace

import numpy as np
import pytest

from model.reconstruction.result import Confidence, Reconstruction
from stages.prediction.confidence import account_of_teeth, columns, in_words, means

# Four points each: 11, which views see; 12, of which they see one point; gingiva, of which they see half.
MADE = Reconstruction(
    points=np.zeros((12, 3), np.float32),
    labels=np.repeat([11, 12, 0], 4).astype(np.uint8),
    confidence=Confidence(
        np.array([1, 2, 3, 10, 0, 0, 0, 5, 0, 0, 1, 1], np.uint8),
        np.array([0.01, 0.01, 0.02, 0.02, *[0.05] * 4, *[0.1] * 4], np.float32),
    ),
)


def test_columns_are_millimetres_and_views() -> None:
    found = columns(MADE.confidence, 40.0)
    assert {name: values.dtype for name, values in found.items()} == {
        "views_seen": np.uint8,
        "expected_error_mm": np.float32,
    }
    np.testing.assert_allclose(found["expected_error_mm"][[0, 4, 8]], [0.4, 2.0, 4.0], rtol=1e-6)
    assert [*columns(Confidence(MADE.confidence.views_seen), 40.0)] == ["views_seen"]
    assert columns(None, 40.0) == {}


def test_means_of_a_jaw() -> None:
    assert means(columns(MADE.confidence, 40.0)) == {
        "seen_fraction": pytest.approx(7 / 12),
        "expected_error_mm": pytest.approx(40 * 0.055),
    }
    assert means({}) == {}


def test_teeth_are_seen_guessed_or_missing() -> None:
    teeth = {tooth.fdi: tooth for tooth in account_of_teeth(MADE, 40.0)}
    assert [*teeth] == [0, *range(11, 19), *range(21, 29)]
    states = {fdi: tooth.state for fdi, tooth in teeth.items()}
    assert (states[0], states[11], states[12], states[13]) == ("seen", "seen", "guessed", "missing")
    assert teeth[12].seen_fraction == 0.25
    assert teeth[11].expected_error_mm == pytest.approx(0.6)
    assert teeth[13].expected_error_mm is None
    lines = in_words([*teeth.values()])
    assert lines[:2] == ["seen: 11 (0.60 mm)", "guessed: 12 (2.00 mm)"]
    assert lines[2].startswith("missing: 13, 14")


def test_without_an_error_head_teeth_have_no_error() -> None:
    made = replace(MADE, confidence=Confidence(MADE.confidence.views_seen))
    teeth = account_of_teeth(made, 40.0)
    assert all(tooth.expected_error_mm is None for tooth in teeth)
    assert in_words(teeth)[0] == "seen: 11"


@pytest.mark.parametrize("lacks", ["labels", "confidence"])
def test_a_cloud_tells_nothing_of_its_teeth(lacks: str) -> None:
    assert account_of_teeth(replace(MADE, **{lacks: None}), 40.0) == []
