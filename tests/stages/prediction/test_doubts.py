import numpy as np
import pytest

from model.metrics.plausibility import Fit, Limits
from stages.prediction.doubts import doubts, without_teeth

LIMITS = Limits(silhouette_iou=0.8, permutation_gain=0.05)
SWAPPED = {0: 0, 1: 2, 2: 1}


@pytest.mark.parametrize(
    ("iou", "permutation_gain", "mirror_gain", "words"),
    [
        (0.9, 0.0, 0.0, []),
        (0.8, 0.05, 0.3, []),
        (0.9, 0.1, 0.0, ["wrong order: view 1 looks like view 2, view 2 looks like view 1"]),
        (0.9, 0.1, 0.3, ["mirrored left to right"]),
        (0.5, 0.0, 0.0, ["overlap by 0.50, and right ones by 0.80 or more"]),
        (0.5, 0.1, 0.0, ["wrong order", "does not fit the pictures"]),
    ],
)
def test_each_limit_that_is_exceeded_is_a_doubt(
    iou: float, permutation_gain: float, mirror_gain: float, words: list[str]
) -> None:
    fit = Fit({}, iou, permutation_gain, SWAPPED, mirror_gain)
    found = doubts(fit, LIMITS)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))
    assert bool(found) == (not LIMITS.allow(fit))


def test_a_jaw_without_any_tooth_is_told() -> None:
    gingiva = np.zeros(5, np.uint8)
    assert without_teeth(None) == []  # of a network without labels
    assert without_teeth(np.append(gingiva, np.uint8(11))) == []
    (warning,) = without_teeth(gingiva)
    assert warning.startswith("no tooth was found")
