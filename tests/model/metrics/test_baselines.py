import numpy as np

from model.cases.case import Case
from model.metrics.baselines import ViewIndex, random_case


def case_of(name: str, grey: int, view_mask: tuple[bool, bool] = (True, True)) -> Case:
    views = np.full((2, 80, 90), grey, np.uint8) * np.array(view_mask, np.uint8)[:, None, None]
    return Case(name, views, np.array(view_mask), np.zeros((4, 3), np.float32), 40.0)


def test_retrieval_by_the_views() -> None:
    index = ViewIndex([case_of("a", 10), case_of("b", 100), case_of("c", 90, (False, True))])
    assert index.nearest(case_of("x", 40)) == 0
    assert index.nearest(case_of("x", 92)) == 2
    assert index.nearest(case_of("x", 92, (True, False))) == 1, "c shows other views"
    assert index.nearest(case_of("b", 100)) == 2, "never the case itself"
    assert ViewIndex([case_of("b", 0)]).nearest(case_of("b", 0)) is None


def test_a_random_other_case() -> None:
    ids = ["a", "b", "c"]
    found = [random_case(f"case{number}", ids, 0) for number in range(40)]
    assert set(found) == {0, 1, 2}
    assert found == [random_case(f"case{number}", ids, 0) for number in range(40)]
    assert all(random_case("b", ids, seed) != 1 for seed in range(20))
    assert random_case("b", ["b"], 0) is None
