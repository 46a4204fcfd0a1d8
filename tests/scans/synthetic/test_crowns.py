"""The anatomy of single crowns."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from scans.anatomy import TEETH
from scans.synthetic import crowns
from scans.synthetic.field import OVER, ROOT, tooth_distance
from scans.synthetic.patient import Tooth
from scans.synthetic.tables import Crowns


def mean_tooth(kind: int) -> Tooth:
    return Tooth(10 + kind, TEETH[kind].size, 0, 0, 0, 0, 0, 0, True)


def crown_alone(kind: int) -> Crowns:
    tooth, rng = mean_tooth(kind), np.random.default_rng(4)
    columns = (
        np.zeros(3),
        np.eye(3),
        np.zeros((2, 3)),
        crowns.net_size(tooth),
        crowns.profile(tooth, rng),
        crowns.relief(tooth, rng),
        crowns.occlusal(tooth, 0.0, rng),
        crowns.reach(tooth),
        crowns.section(tooth),
        np.zeros(3),
    )
    return Crowns(*(np.array([column]) for column in columns))


def inside(kind: int, step: float = 0.25) -> np.ndarray:
    """(n, 3) points u, v, w of a grid that lie in the crown, above the gum margin."""
    tables = crown_alone(kind)
    grid = np.arange(-7, 7, step)
    points = np.array([(u, v, w) for u in grid for v in grid for w in np.arange(0, 11, step)])
    return points[[tooth_distance(tables, 0, *point)[1] < 0 for point in points]]


@pytest.mark.parametrize("kind", [1, 3, 4, 6])
def test_a_crown_is_as_large_as_its_tooth(kind):
    # Alone it lacks what neighbours and blending add to the sides, and a step of the grid is lost.
    np.testing.assert_allclose(np.ptp(inside(kind), axis=0), TEETH[kind].size, atol=0.55)


@pytest.mark.parametrize(("kind", "cusps"), [(3, 1), (4, 2), (5, 2), (6, 4), (7, 4), (8, 3)])
def test_cusps(kind, cusps):
    tooth = mean_tooth(kind)
    surface = crowns.occlusal(tooth, 0.0, np.random.default_rng(1))
    tops = (surface == maximum_filter(surface, 15)) & (surface > tooth.size[2] - 1.65)
    assert tops.sum() == cusps


def test_an_incisor_thins_out_to_its_edge():
    crown = inside(1)
    height = TEETH[1].size[2]
    thick = [np.ptp(crown[np.abs(crown[:, 2] - share * height) < 0.2, 1]) for share in (0.1, 0.5, 0.9)]
    assert thick[0] > thick[1] > thick[2]
    assert 0.8 < thick[2] < 2.5
    assert thick[0] > 6.0


def test_a_molar_has_a_fossa_between_its_cusps_and_a_neck():
    surface = crowns.occlusal(mean_tooth(6), 0.0, np.random.default_rng(4))
    middle = surface[len(surface) // 3 : -len(surface) // 3, len(surface) // 3 : -len(surface) // 3]
    assert 1.5 < surface.max() - middle.min() < 3.5
    crown = inside(6)
    wide = [np.ptp(crown[np.abs(crown[:, 2] - share * TEETH[6].size[2]) < 0.15, 0]) for share in (0.02, 0.6)]
    assert wide[0] < 0.85 * wide[1]


def test_tables_reach_from_the_root_over_the_cusps():
    tooth = mean_tooth(4)
    table = crowns.profile(tooth, np.random.default_rng(0))
    heights = np.linspace(-ROOT, crowns.net_size(tooth)[2] + OVER, len(table))
    widest = heights[table[:, :2].sum(axis=1).argmax()]
    assert 0.4 * tooth.size[2] < widest < 0.75 * tooth.size[2]  # the contact points
    assert (table[:, :4] > 0).all()


def test_wear_flattens_the_cusps():
    tooth = mean_tooth(6)
    fresh, worn = (crowns.occlusal(tooth, wear, np.random.default_rng(1)) for wear in (0.0, 0.5))
    assert fresh.max() - worn.max() == pytest.approx(0.5, abs=0.1)
    assert fresh.min() == worn.min()
