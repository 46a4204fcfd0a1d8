"""The table of a batch: a row for each jaw, as JSON lines and as CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scans.cases.naming import readable
from scans.errors import UserError
from scans.files import atomic_file
from stages.prediction.confidence import EXPECTED_ERROR, GUESSED
from stages.prediction.predict_case import Outcome

FIT = ("silhouette_iou", "permutation_gain", "mirror_gain")
CONFIDENCE = ("seen_fraction", EXPECTED_ERROR, "left_out_fraction", "guessed_teeth")
COLUMNS = ("case", "path", "kind", "state", "message", "absent_views", "radius_mm", "radius_from", *FIT, *CONFIDENCE)


def row(outcome: Outcome) -> dict[str, Any]:
    """A jaw's figures: COLUMNS, and for a scan its metrics, each as error_<name>.

    `state` is reconstructed, doubtful (not plausible) or failed; `message` says why, or has the warnings.
    """
    account = outcome.account
    failed, doubtful = outcome.failure is not None, account.get("plausible") is False
    found: dict[str, Any] = {
        "case": outcome.case or outcome.job.name,
        "path": readable(outcome.job.path),
        "kind": "scan" if outcome.job.is_scan else "pictures",
        "state": "failed" if failed else "doubtful" if doubtful else "reconstructed",
        "message": readable("; ".join(account["warnings"]) if outcome.failure is None else outcome.failure),
    }
    if failed:
        return found
    found |= {name: account[name] for name in ("absent_views", "radius_mm", "radius_from")}
    found |= {name: account["fit"][name] for name in FIT}
    guessed = [tooth["fdi"] for tooth in account["teeth"] if tooth["state"] == GUESSED and tooth["fdi"]]
    found |= account["confidence"] | {"guessed_teeth": guessed}
    return found | {f"error_{name}": value for name, value in (account["error"] or {}).items()}


class OutcomeTable:
    """Writes <name>.jsonl a line at a time, so that a batch that is stopped leaves its rows, and at the end <name>.csv.

    Args:
        path: one of the two; the other lies beside it. None writes nothing.

    Raises:
        UserError: the name ends in neither .csv nor .jsonl.
    """

    def __init__(self, path: Path | None):
        if path is not None and path.suffix not in (".csv", ".jsonl"):
            raise UserError(f"--table {path}: name a file that ends in .csv; the same as JSON lines goes beside it")
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".jsonl").write_bytes(b"")

    def add(self, outcome: Outcome) -> None:
        """Append a jaw's row."""
        self.rows.append(row(outcome))
        if self.path is not None:
            with open(self.path.with_suffix(".jsonl"), "a", encoding="utf-8") as lines:
                lines.write(json.dumps(self.rows[-1], ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Write the CSV file."""
        if self.path is not None:
            with atomic_file(self.path.with_suffix(".csv")) as path:
                path.write_text(as_csv(self.rows), encoding="utf-8", newline="")


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV with a header; what a row lacks is empty, and lists have spaces between their items."""
    names = list(dict.fromkeys([*COLUMNS, *(name for each in rows for name in each)]))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for each in rows:
        writer.writerow(
            {name: " ".join(map(str, value)) if isinstance(value, list) else value for name, value in each.items()}
        )
    return buffer.getvalue()
