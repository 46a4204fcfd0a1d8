"""The anatomy of single crowns."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from scans.anatomy import TEETH
from scans.synthetic.chewing import occlusal, reach
from scans.synthetic.crowns import net_size, outline
from scans.synthetic.field import OVER, ROOT, direction, tooth_distance
from scans.synthetic.patient import Tooth
from scans.synthetic.tables import Crowns


def mean_tooth(kind: int, form: str = "permanent", fitting: str = "", filled: float = 0.0) -> Tooth:
    return Tooth(10 + kind, TEETH[kind].size, 0, 0, 0, 0, 0, 0, True, form=form, fitting=fitting, filled=filled)


def crown_alone(tooth: Tooth) -> Crowns:
    rng = np.random.default_rng(4)
    sides = outline(tooth, rng)
    columns = (
        np.zeros(3),
        np.eye(3),
        np.zeros((2, 3)),
        net_size(tooth),
        sides.centre,
        sides.inverse,
        sides.cosine,
        occlusal(tooth, 0.0, rng),
        reach(tooth),
        sides.rim,
        np.zeros(7),
        -1,
    )
    none = np.empty((0, 1, 1, 1), np.float32), np.empty((0, 3))
    return Crowns(*(np.array([column]) for column in columns), *none)


def inside(tooth: Tooth, step: float = 0.25) -> np.ndarray:
    """(n, 3) points u, v, w of a grid that lie in the crown, above the gum margin."""
    tables = crown_alone(tooth)
    grid = np.arange(-7, 7, step)
    points = np.array([(u, v, w) for u in grid for v in grid for w in np.arange(0, 11, step)])
    return points[[tooth_distance(tables, 0, *point)[1] < 0 for point in points]]


@pytest.mark.parametrize("kind", [1, 3, 4, 6])
def test_a_crown_is_as_large_as_its_tooth(kind):
    # Alone it lacks what neighbours and blending add to the sides, and a step of the grid is lost.
    np.testing.assert_allclose(np.ptp(inside(mean_tooth(kind)), axis=0), TEETH[kind].size, atol=0.8)


@pytest.mark.parametrize(("kind", "cusps"), [(3, 1), (4, 2), (5, 2), (6, 4), (7, 4), (8, 3)])
def test_cusps(kind, cusps):
    tooth = mean_tooth(kind)
    surface = occlusal(tooth, 0.0, np.random.default_rng(1))
    tops = (surface == maximum_filter(surface, 15)) & (surface > tooth.size[2] - 1.65)
    assert tops.sum() == cusps


def test_an_incisor_thins_out_to_its_edge():
    crown = inside(mean_tooth(1))
    height = TEETH[1].size[2]
    thick = [np.ptp(crown[np.abs(crown[:, 2] - share * height) < 0.2, 1]) for share in (0.1, 0.5, 0.9)]
    assert thick[0] > thick[1] > thick[2]
    assert 0.8 < thick[2] < 3.0
    assert thick[0] > 6.0


def test_a_molar_has_a_fossa_between_its_cusps_and_a_neck():
    surface = occlusal(mean_tooth(6), 0.0, np.random.default_rng(4))
    middle = surface[len(surface) // 3 : -len(surface) // 3, len(surface) // 3 : -len(surface) // 3]
    assert 1.5 < surface.max() - middle.min() < 3.5
    crown = inside(mean_tooth(6))
    wide = [np.ptp(crown[np.abs(crown[:, 2] - share * TEETH[6].size[2]) < 0.15, 0]) for share in (0.02, 0.6)]
    assert wide[0] < 0.85 * wide[1]


def test_tables_reach_from_the_root_over_the_cusps():
    tooth = mean_tooth(4)
    sides = outline(tooth, np.random.default_rng(0))
    heights = np.linspace(-ROOT, net_size(tooth)[2] + OVER, len(sides.centre))
    # Distally (direction 1) and mesially (3) the sum of the coordinates' amounts is the half width.
    quarter = (len(sides.inverse) - 1) // 4
    width = 1 / sides.inverse[quarter] + 1 / sides.inverse[3 * quarter]
    assert 0.4 * tooth.size[2] < heights[width.argmax()] < 0.8 * tooth.size[2]  # the contact points
    assert (sides.inverse > 0).all()
    np.testing.assert_allclose(sides.inverse[0], sides.inverse[-1])


@pytest.mark.parametrize(
    ("x", "y", "number"), [(0, -1, 0), (1, 0, 1), (1, 1, 1.5), (0, 1, 2), (-1, 0, 3), (-1, -1, 3.5)]
)
def test_directions_are_counted_round_the_axis(x, y, number):
    assert direction(float(x), float(y)) == pytest.approx(number, abs=1e-9)


def test_a_bracket_stands_out_of_the_labial_face():
    plain, fitted = (inside(mean_tooth(1, fitting=fitting)) for fitting in ("", "bracket"))
    assert 1.0 < fitted[:, 1].max() - plain[:, 1].max() < 2.8
    assert fitted[:, 1].min() == plain[:, 1].min()


def test_a_prepared_tooth_is_a_smaller_cone():
    natural, stump = (inside(mean_tooth(6, form=form)) for form in ("permanent", "prepared"))
    assert 0.2 * len(natural) < len(stump) < 0.8 * len(natural)
    low, high = (np.ptp(stump[np.abs(stump[:, 2] - w) < 0.2, 0]) for w in (1.5, 3.5))
    assert high <= low


def test_a_filling_levels_the_fossa():
    plain, filled = (occlusal(mean_tooth(6, filled=f), 0.0, np.random.default_rng(4)) for f in (0.0, 1.0))
    middle = np.s_[len(plain) // 3 : -len(plain) // 3, len(plain) // 3 : -len(plain) // 3]
    assert np.ptp(filled[middle]) < np.ptp(plain[middle])
    assert filled.max() == pytest.approx(plain.max(), abs=1e-6)


def test_wear_flattens_the_cusps():
    tooth = mean_tooth(6)
    fresh, worn = (occlusal(tooth, wear, np.random.default_rng(1)) for wear in (0.0, 0.5))
    assert fresh.max() - worn.max() == pytest.approx(0.5, abs=0.25)
