"""The table of a batch, a row a jaw, as JSON lines and CSV."""

import csv
import json
from pathlib import Path

import pytest

from scans.errors import UserError
from stages.prediction.outcome_table import COLUMNS, OutcomeTable
from stages.prediction.predict_case import Job, Outcome

ACCOUNT = {
    "plausible": True,
    "warnings": (),
    "absent_views": [3, 5],
    "radius_mm": 43.5,
    "radius_from": "the network",
    "fit": {"silhouette_iou": 0.98, "permutation_gain": 0.0, "mirror_gain": -0.2, "order": {}},
    "error": None,
    "confidence": {"seen_fraction": 0.9, "expected_error_mm": 0.4, "left_out_fraction": 0.1},
    "teeth": [{"fdi": 0, "state": "guessed"}, {"fdi": 11, "state": "seen"}, {"fdi": 12, "state": "guessed"}],
}
GOOD = Outcome(Job(Path("in/Μαρία"), "Μαρία", False), None, "Μαρία", account=ACCOUNT)
DOUBTFUL = Outcome(
    Job(Path("ben.stl"), "ben", True),
    None,
    "ben",
    account=ACCOUNT | {"plausible": False, "warnings": ("a, b", "c"), "error": {"f_035": 0.5}},
)
FAILED = Outcome(Job(Path("in/carl"), "carl", False), "in/carl: no such folder")
OLD_NAME = Path("in/m\udcfcller")  # of bytes that are no UTF-8, as old archives leave them
UNREADABLE = Outcome(Job(OLD_NAME, "muller", False), f"{OLD_NAME}: no such folder")


def test_each_jaw_is_a_row_of_both_files(tmp_path: Path) -> None:
    table = OutcomeTable(tmp_path / "new/table.csv")
    for outcome in (GOOD, DOUBTFUL, FAILED):
        table.add(outcome)
    lines = (tmp_path / "new/table.jsonl").read_text(encoding="utf-8").splitlines()
    assert not (tmp_path / "new/table.csv").exists(), "it comes at the end"
    table.close()
    good, doubtful, failed = map(json.loads, lines)
    assert list(good) == list(COLUMNS)
    assert (good["case"], good["state"], good["absent_views"], good["message"]) == (
        "Μαρία",
        "reconstructed",
        [3, 5],
        "",
    )
    assert [good[name] for name in ("seen_fraction", "expected_error_mm", "guessed_teeth")] == [0.9, 0.4, [12]]
    assert good["left_out_fraction"] == 0.1
    assert (doubtful["state"], doubtful["kind"], doubtful["error_f_035"]) == ("doubtful", "scan", 0.5)
    assert (failed["state"], failed["message"]) == ("failed", "in/carl: no such folder")
    with open(tmp_path / "new/table.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*COLUMNS, "error_f_035"]
    assert [row["message"] for row in rows] == ["", "a, b; c", "in/carl: no such folder"]
    assert (rows[0]["absent_views"], rows[0]["error_f_035"], rows[2]["radius_mm"]) == ("3 5", "", "")


def test_a_name_that_is_no_text_stands_in_the_table_as_escapes(tmp_path: Path) -> None:
    table = OutcomeTable(tmp_path / "table.csv")
    table.add(UNREADABLE)
    table.close()
    with open(tmp_path / "table.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["path"], row["message"]) == (r"in/m\xfcller", r"in/m\xfcller: no such folder")


def test_without_a_path_nothing_is_written_and_another_ending_is_refused(tmp_path: Path) -> None:
    table = OutcomeTable(None)
    table.add(GOOD)
    table.close()
    with pytest.raises(UserError, match=r"name a file that ends in \.csv"):
        OutcomeTable(tmp_path / "table.xlsx")
    assert list(tmp_path.iterdir()) == []
