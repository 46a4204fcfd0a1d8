from stages.pages.metrics import better, choose, names, show, show_signed, title


def test_cases_are_spread_from_the_worst_to_the_best() -> None:
    rows = [{"id": str(n), "f_035": f} for n, f in enumerate([0.5, 0.9, 0.1, 0.7, 0.3])]
    assert [(row["f_035"], row["rank"], row["standing"]) for row in choose(rows, 3)] == [
        (0.1, 1, "worst"),
        (0.5, 3, "median"),
        (0.9, 5, "best"),
    ]
    assert [row["f_035"] for row in choose(rows, 1)] == [0.1]
    assert len(choose(rows, 9)) == 5


def test_fractions_are_in_per_cent_and_distances_are_not() -> None:
    assert show(0.7749, "precision_035") == "77.5 %"
    assert show(0.7607, "chamfer_mm") == "0.761"
    assert show(None, "f_035") == "–"
    assert show_signed(-0.0123, "f_010") == "−1.2"
    assert show_signed(0.5, "chamfer_mm") == "+0.500"


def test_more_is_better_for_fractions_alone() -> None:
    assert better("f_035", 0.1)
    assert better("label_accuracy", 0.1)
    assert not better("chamfer_mm", 0.1)
    assert not better("f_035", 0.0)


def test_an_unknown_metric_is_shown_by_its_name() -> None:
    assert names([{"cases": 3, "new_thing": 1.0, "f_035": 0.5}]) == ["f_035", "new_thing"]
    assert title("new_thing") == "new thing"
    assert title("tooth_hd95_rigid_mm") == "HD95 of a tooth after rigid alignment, mm"
    assert show(0.987, "tooth_hd95_mm") == "0.987"
