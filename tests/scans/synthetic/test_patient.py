"""The population that patients are drawn from."""

import numpy as np
import pytest

from scans.anatomy import TEETH
from scans.seeds import generator
from scans.synthetic.patient import KINDS, Patient, draw


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [draw(generator(5, f"patient{n}")) for n in range(500)]


def test_as_many_teeth_as_in_the_data_set(patients):
    present = [sum(tooth.present for side in p.sides for tooth in side) for p in patients]
    assert min(present) >= 4
    assert 0.01 < np.mean(np.array(present) < 8) < 0.06
    assert max(present) == 16
    assert np.mean(present) == pytest.approx(13.0, abs=0.4)


def test_crown_sizes_follow_the_norms(patients):
    for kind, norm in TEETH.items():
        sizes = np.array(
            [
                t.size
                for p in patients
                for side in p.sides
                for t in side
                if t.kind == kind and t.form in ("permanent", "prepared")
            ]
        )
        np.testing.assert_allclose(sizes.mean(axis=0), norm.size, atol=0.15)
        np.testing.assert_allclose(sizes.std(axis=0), norm.spread, rtol=0.25)


def test_one_patients_teeth_are_large_or_small_together(patients):
    width = np.array([[{t.fdi: t.size[0] for t in p.sides[0]}.get(fdi, np.nan) for fdi in (11, 13)] for p in patients])
    width = width[~np.isnan(width).any(axis=1)]
    assert 0.3 < np.corrcoef(width.T)[0, 1] < 0.7


def test_teeth_run_from_the_midline_backwards(patients):
    for patient in patients:
        for quadrant, side in enumerate(patient.sides, start=1):
            numbers = [tooth.fdi for tooth in side]
            assert numbers == sorted(numbers)
            assert all(number // 10 == quadrant for number in numbers)


def test_every_kind_of_scan_occurs(patients):
    share = {kind: np.mean([p.kind == kind for p in patients]) for kind in KINDS}
    assert min(share.values()) > 0.06


def test_every_irregularity_occurs_and_none_is_common(patients):
    teeth = [tooth for p in patients for side in p.sides for tooth in side]
    rare = {
        "deciduous": lambda t: t.form == "deciduous",
        "peg": lambda t: t.form == "peg",
        "prepared": lambda t: t.form == "prepared",
        "bracket": lambda t: t.fitting == "bracket",
        "attachment": lambda t: t.fitting == "attachment",
        "partly erupted": lambda t: t.level > 1.5,
        "bare root": lambda t: t.level < -1.5,
        "tipped": lambda t: abs(t.tip) > 0.2,
        "socket": lambda t: not t.present and t.site == "socket",
        "impacted": lambda t: not t.present and t.site == "impacted",
    }
    for name, found in rare.items():
        assert 0 < np.mean([found(tooth) for tooth in teeth]) < 0.06, name
