"""Where the teeth stand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from scans.anatomy import TEETH
from scans.seeds import generator
from scans.synthetic.arch import contact_line, places
from scans.synthetic.patient import Patient, Tooth, draw


def normal_patient() -> Patient:
    """Mean teeth, without any irregularity, on the mean arch."""

    def side(quadrant: int) -> tuple[Tooth, ...]:
        return tuple(Tooth(10 * quadrant + k, TEETH[k].size, 0, 0, 0, 0, 0, 0, True) for k in range(1, 8))

    return replace(
        draw(generator(0, "any")),
        sides=(side(1), side(2)),
        arch_size=1.0,
        arch_width=1.0,
        arch_depth=1.0,
        arch_square=0.0,
        arch_skew=(0.0, 0.0),
        spee=0.0,
    )


def test_the_right_side_lies_at_positive_x_and_mirrors_the_left():
    right, left = places(normal_patient())
    for one, other in zip(right, left, strict=True):
        assert one.origin[0] > 0
        np.testing.assert_allclose(one.origin, other.origin * [-1, 1, 1], atol=1e-9)
        np.testing.assert_allclose(one.axes, other.axes * [-1, 1, 1], atol=1e-9)


def test_frames_are_orthonormal_and_point_distally_outwards_and_up():
    for side in places(draw(generator(3, "turned"))):
        for place in side:
            np.testing.assert_allclose(place.axes @ place.axes.T, np.eye(3), atol=1e-9)
            assert place.axes[2, 2] > 0.8
            assert place.axes[1] @ (place.origin - [0, 20, 0]) > 0
    for side in places(normal_patient()):
        for place, behind in pairwise(side):
            assert place.axes[0] @ (behind.origin - place.origin) > 0


def test_neighbours_are_as_far_apart_as_they_are_wide():
    for side in places(normal_patient()):
        for place, behind in pairwise(side[3:]):  # the straight part of the arch
            apart = np.linalg.norm((behind.origin - place.origin)[:2])
            assert apart == pytest.approx((place.tooth.size[0] + behind.tooth.size[0]) / 2, abs=0.6)


def test_the_mean_arch_is_as_wide_as_the_norm():
    right, left = places(normal_patient())

    def width(n: int) -> float:
        """Between the buccal cusps, or the tips of the canines."""
        tips = [
            p.origin + 0.25 * p.tooth.size[1] * p.axes[1] + p.tooth.size[2] * p.axes[2] for p in (right[n], left[n])
        ]
        return float(tips[0][0] - tips[1][0])

    assert width(2) == pytest.approx(34.4, abs=3.0)
    assert width(5) == pytest.approx(53.0, abs=2.0)
    assert width(6) == pytest.approx(58.4, abs=2.0)


def test_square_arches_keep_the_place_of_the_molars():
    patient = normal_patient()
    lines = [contact_line(replace(patient, arch_square=square), 0) for square in (-0.8, 0.0, 0.8)]
    behind = [[np.interp(x, line[:, 0], line[:, 1]) for x in (12.0, 25.0)] for line in lines]
    assert behind[0][0] > behind[1][0] > behind[2][0]  # a tapered arch has left the front behind by then
    np.testing.assert_allclose(np.array(behind)[:, 1], behind[1][1], atol=0.2)
