import numpy as np

from stages.prediction.preview import OUTLINE, outlined


def test_the_outline_stands_around_the_silhouette_and_closes_the_gaps_of_points() -> None:
    pictures = np.full((2, 20, 20), 100, np.uint8)
    shown = np.full((2, 20, 20), 255, np.uint8)
    shown[0, 5:15, 5:15] = 50
    shown[0, 9, 9] = 255  # a gap between points
    drawn = outlined(pictures, shown)
    line = (drawn == OUTLINE).all(axis=3)
    expected = np.zeros((20, 20), bool)
    expected[4:16, 4:16] = True
    expected[5:15, 5:15] = False
    assert np.array_equal(line[0], expected)
    assert not line[1].any(), "nothing was shown"
    assert (drawn[~line] == 100).all()
    assert np.array_equal(outlined(drawn, shown), drawn), "pictures in colour"
