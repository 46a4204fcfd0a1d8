from stages.report import choose


def test_cases_are_spread_from_the_worst_to_the_best() -> None:
    rows = [{"id": str(n), "f_035": f} for n, f in enumerate([0.5, 0.9, 0.1, 0.7, 0.3])]
    assert [row["f_035"] for row in choose(rows, 3)] == [0.1, 0.5, 0.9]
    assert [row["f_035"] for row in choose(rows, 1)] == [0.1]
    assert len(choose(rows, 9)) == 5
