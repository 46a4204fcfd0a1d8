import numpy as np
import pytest

from scans.errors import ScanError
from scans.fdi import checked_labels


def test_known_numbers_become_bytes() -> None:
    labels = checked_labels(np.array([0.0, 11, 28, 31, 48]), "a.ply")
    assert labels.dtype == np.uint8
    assert labels.tolist() == [0, 11, 28, 31, 48]


@pytest.mark.parametrize("wrong", [1, 10, 19, 29, 51, 255, 256, 11 + 256, -1, 11.5, np.nan, np.inf])
def test_unknown_numbers_are_named(wrong: float) -> None:
    with pytest.raises(ScanError, match=rf"a\.ply: 2 of 3 labels are no FDI numbers \({wrong:g}\)"):
        checked_labels(np.array([wrong, 11, wrong]), "a.ply")


def test_labels_that_count_the_teeth() -> None:
    with pytest.raises(ScanError, match=r"do they count the teeth, as MeshSegNet's 0-14 do\?"):
        checked_labels(np.arange(15), "a.vtp")
