import re

import pytest

from scans.mesh import UPPER_FDI
from stages.pages.arch import arch_chart


@pytest.fixture(scope="module")
def places() -> dict[int, tuple[float, float]]:
    """Where the chart has each tooth."""
    found = re.findall(r'<title>(\d+):.*?cx="([-\d.]+)" cy="([-\d.]+)"', arch_chart({11: 0.5}, 1.0, "mm"))
    return {int(fdi): (float(x), float(y)) for fdi, x, y in found}


def test_every_upper_tooth_has_its_place_as_in_a_dentists_chart(places: dict[int, tuple[float, float]]) -> None:
    assert sorted(places) == sorted(UPPER_FDI)
    for kind in range(1, 9):
        (right_x, right_y), (left_x, left_y) = places[10 + kind], places[20 + kind]
        assert right_x == -left_x < 0, "the patient's right is on the left"
        assert right_y == left_y
    assert [places[fdi][1] for fdi in range(11, 19)] == sorted(places[fdi][1] for fdi in range(11, 19))
    assert 45 < 2 * places[26][0] < 58, "the width between the first molars is the norms', in mm"


def test_all_of_it_lies_within_the_picture(places: dict[int, tuple[float, float]]) -> None:
    left, top, width, height = map(float, re.search(r'viewBox="(.*?)"', arch_chart({}, 1, ""))[1].split())  # type: ignore[index]
    room = 9  # half a molar and its number
    assert all(left + room < x < left + width - room for x, _ in places.values())
    assert all(top + room < y < top + height - 4 for _, y in places.values())


def test_a_number_can_be_read_on_any_colour() -> None:
    chart = arch_chart({11: 0.0, 16: 1.0, 21: 3.0}, 1.0, "mm from A & B")
    fills = dict(re.findall(r'<title>(\d+): [^<]*</title><ellipse [^>]*fill="(.*?)"', chart))
    assert fills["16"] == fills["21"] != fills["11"], "beyond the worst, the colour is the last one"
    assert fills["12"] == "none"
    assert 'fill="#111">0.00' in chart
    assert 'fill="#fff">1.00' in chart
    assert "mm from A &amp; B on the upper arch: 11: 0.00, 16: 1.00, 21: 3.00" in chart
