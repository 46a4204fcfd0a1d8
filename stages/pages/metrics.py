"""Titles of the metrics and of the rows of the results, and how values are shown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TITLES = {
    "precision_035": "precision at 0.035",
    "recall_035": "recall at 0.035",
    "f_035": "F-score at 0.035",
    "precision_010": "precision at 0.010",
    "recall_010": "recall at 0.010",
    "f_010": "F-score at 0.010",
    "max_matching_ratio_035": "maximum matching at 0.035",
    "max_matching_ratio_010": "maximum matching at 0.010",
    "hungarian_accuracy_035": "Hungarian accuracy at 0.035",
    "chamfer_mm": "Chamfer, mm",
    "accuracy_mm": "prediction to ground truth, mm",
    "completeness_mm": "ground truth to prediction, mm",
    "nn_distance_cv": "CV of nearest-neighbour distances",
}
# Of the metrics that stand below the tables' headlines.
_AFTER = {"": "", "_rigid": " after rigid alignment", "_similarity": " after similarity alignment"}
FURTHER_TITLES = {
    f"tooth_{figure}{suffix}_mm": f"{figure.upper()} of a tooth{after}, mm"
    for suffix, after in _AFTER.items()
    for figure in ("assd", "rmsd", "hd95", "hd")
} | {
    "missing_teeth": "teeth without a predicted point",
    "surface_error_mm": "distance to the true surface, mm",
    "expected_error_mm": "expected distance to the true surface, mm",
    "error_rank_correlation": "rank correlation of expected and real error",
    "sparsification": "sparsification of the least sure tenth",
}
HIGHER_IS_BETTER = {"normal_consistency", "error_rank_correlation", "sparsification"}  # beside all fractions
HIDDEN = {"cases", "chamfer", "id", "row", "left_out_fraction"}  # the Chamfer distance is shown in mm
# The metrics of the tables that have room for a few.
SUMMARY = ("precision_035", "recall_035", "f_035", "f_010", "chamfer_mm")
ROWS = {
    "model": "network",
    "mean_shape": "mean shape",
    "retrieval": "retrieval",
    "random_case": "random case",
    "resampling_bound": "resampling bound",
}
# Reported by the papers, on real scans of Teeth3DS+; the Hungarian accuracy of the first was measured by the second.
PAPERS = {
    "arXiv 2606.05998": {"precision_035": 0.7749, "hungarian_accuracy_035": 0.0861},
    "arXiv 2606.07907": {"precision_035": 0.6802, "hungarian_accuracy_035": 0.3571},
}


def title(name: str) -> str:
    """The title of a metric or row; of one without a title, its name."""
    return TITLES.get(name) or FURTHER_TITLES.get(name) or ROWS.get(name) or name.replace("_", " ")


def is_fraction(name: str) -> bool:
    """Whether a metric is a fraction: of points within the threshold in its name, or of labels."""
    return re.search(r"_\d{3}(_|$)|_accuracy$", name) is not None


def show(value: float | None, name: str) -> str:
    """Fractions in per cent, anything else with three decimals; a dash for None."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_fraction(name) else f"{value:.3f}"


def show_signed(value: float | None, name: str) -> str:
    """A difference; of fractions in percentage points."""
    if value is None:
        return "–"
    return (f"{100 * value:+.1f}" if is_fraction(name) else f"{value:+.3f}").replace("-", "−")


def names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The metrics that any of the rows has, those with a title first and in order."""
    found = {name: None for row in rows for name, value in row.items() if isinstance(value, int | float)}
    return [*(name for name in TITLES if name in found), *(name for name in found if name not in {*TITLES, *HIDDEN})]


def better(name: str, difference: float) -> bool:
    """Whether a metric that changed by `difference` is better: fractions should rise, distances and CV fall."""
    return difference > 0 if is_fraction(name) or name in HIGHER_IS_BETTER else difference < 0


def choose(rows: Sequence[Mapping[str, Any]], count: int, key: str = "f_035") -> list[dict[str, Any]]:
    """`count` cases at evenly spaced ranks from the lowest `key` to the highest, both included.

    Returns:
        The rows with their `rank` from 1 on, and `standing`: "worst", "median", "best" or "".
    """
    ranked = sorted(rows, key=lambda row: (row[key], row["id"]))
    last = len(ranked) - 1
    count = min(count, len(ranked))
    places = [round(place * last / max(count - 1, 1)) for place in range(count)]
    standings = {(last + 1) // 2: "median", last: "best", 0: "worst"}
    return [{**ranked[place], "rank": place + 1, "standing": standings.get(place, "")} for place in places]
