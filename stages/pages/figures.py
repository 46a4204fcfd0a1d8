"""Names of the figures and of the rows that are measured, and how a figure is shown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TITLES = {
    "precision_035": "precision at 0.035",
    "recall_035": "recall at 0.035",
    "f_035": "F at 0.035",
    "precision_010": "precision at 0.010",
    "recall_010": "recall at 0.010",
    "f_010": "F at 0.010",
    "max_matching_ratio_035": "matched one to one at 0.035",
    "max_matching_ratio_010": "matched one to one at 0.010",
    "hungarian_accuracy_035": "one-to-one at 0.035, 5,000 points",
    "chamfer_mm": "Chamfer, mm",
    "accuracy_mm": "prediction to truth, mm",
    "completeness_mm": "truth to prediction, mm",
    "nn_distance_cv": "unevenness of the points",
}
HIDDEN = {"cases", "chamfer", "id", "row"}  # the Chamfer distance stands there in mm
ROWS = {
    "model": "network",
    "mean_shape": "constant mean arch",
    "retrieval": "nearest training arch",
    "random_case": "another patient’s arch",
    "resampling_bound": "ceiling: the truth sampled again",
}
# What the papers report, on real scans of Teeth3DS+; the first one's one-to-one accuracy was measured by the second.
PAPERS = {
    "arXiv 2606.05998": {"precision_035": 0.7749, "hungarian_accuracy_035": 0.0861},
    "arXiv 2606.07907": {"precision_035": 0.6802, "hungarian_accuracy_035": 0.3571},
}


def title(name: str) -> str:
    """A figure or a row in words; of one that is not known here, its name."""
    return TITLES.get(name) or ROWS.get(name) or name.replace("_", " ")


def is_share(name: str) -> bool:
    """Whether a figure is a share: of points within the threshold in its name, or of labels."""
    return re.search(r"_\d{3}(_|$)|_accuracy$", name) is not None


def show(value: float | None, name: str) -> str:
    """Shares in per cent, anything else with three decimals; a dash where there is none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_share(name) else f"{value:.3f}"


def show_signed(value: float | None, name: str) -> str:
    """A difference, of shares in percentage points."""
    if value is None:
        return "–"
    return (f"{100 * value:+.1f}" if is_share(name) else f"{value:+.3f}").replace("-", "−")


def names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Figures that any of the rows has, the known ones first and in order."""
    found = {name: None for row in rows for name, value in row.items() if isinstance(value, int | float)}
    return [*(name for name in TITLES if name in found), *(name for name in found if name not in {*TITLES, *HIDDEN})]


def better(name: str, difference: float) -> bool:
    """Whether a figure that changed by `difference` is better now: shares up, distances and unevenness down."""
    return difference > 0 if is_share(name) or name == "normal_consistency" else difference < 0


def choose(rows: Sequence[Mapping[str, Any]], count: int, key: str = "f_035") -> list[dict[str, Any]]:
    """`count` cases spread evenly by rank from the lowest `key` to the highest, both ends among them.

    Returns:
        The rows with their `rank` from 1 on, and `standing`: "worst", "median", "best" or "".
    """
    ranked = sorted(rows, key=lambda row: (row[key], row["id"]))
    last = len(ranked) - 1
    count = min(count, len(ranked))
    places = [round(place * last / max(count - 1, 1)) for place in range(count)]
    standings = {(last + 1) // 2: "median", last: "best", 0: "worst"}
    return [{**ranked[place], "rank": place + 1, "standing": standings.get(place, "")} for place in places]
