"""What a run leaves in the UI: progress while it runs, then tables, the metrics, the contact sheets and the report."""

import json
import os
import time
from collections.abc import Sequence
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.dvc import Ran, output
from flows.pages import PAGES_URL
from scans.errors import UserError
from stages.pages.data_uri import data_uri
from stages.runtime.progress import LINE
from stages.runtime.workspace import METRICS, PAGE, VIEWS

SECONDS_BETWEEN_UPDATES = 10.0  # one costs 0.6 s


class Progress:
    """A stage's progress artifact, made when the stage first tells how far it is and that takes long enough."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._artifact: UUID | None = None
        self._last = -SECONDS_BETWEEN_UPDATES

    def read(self, line: str) -> None:
        """Take a line of the stage; those of stages.runtime.progress tell `done of total`."""
        found = LINE.match(line)
        if found is None or time.monotonic() - self._last < SECONDS_BETWEEN_UPDATES:
            return
        done, total = int(found["done"]), int(found["total"])
        self._last = time.monotonic()
        if self._artifact is not None:
            update_progress_artifact(self._artifact, 100 * done / total, description=line)
        elif done < total:
            made = create_progress_artifact(100 * done / total, key=f"{self._stage}-progress", description=line)
            self._artifact = made if isinstance(made, UUID) else None

    def finish(self) -> None:
        """Show 100 %."""
        if self._artifact is not None:
            update_progress_artifact(self._artifact, 100.0, description=f"{self._stage} is done")


def publish(results: Sequence[Ran], experiment: str | None) -> None:
    """Make the artifacts of a finished run: of all stages, and of what those that ran have made."""
    rows = [{"stage": each.stage, "outcome": each.outcome, "seconds": round(each.seconds, 1)} for each in results]
    about = f"Experiment {experiment}: `dvc exp show` lists it." if experiment else "What `dvc repro` did."
    create_table_artifact(rows, key="stages", description=about)
    made = {each.stage for each in results if each.outcome != "unchanged"}
    if "evaluate" in made:
        create_markdown_artifact(metrics_table(), key="metrics", description="Metrics against the last commit.")
    if "render" in made:
        for path in sorted(VIEWS.glob("contact_sheet_*.png")):
            key = path.stem.replace("_", "-")
            create_image_artifact(
                data_uri(path.read_bytes()), key=key, description="Views of each jaw, one jaw per row."
            )
    if "report" in made:
        url = f"{os.environ[PAGES_URL]}/{PAGE.name}" if PAGES_URL in os.environ else PAGE.resolve().as_uri()
        create_markdown_artifact(
            f"[{PAGE}]({url})", key="report", description="The page with metrics, curves and cases in 3D."
        )


def metrics_table() -> str:
    """Markdown: each metric of the network now, at the last commit, and the difference; beside them the baselines'."""
    try:
        changed = json.loads(output("metrics", "diff", "--all", "--json")).get(str(METRICS), {})
    except UserError as error:
        return str(error)
    now, then = ({key: values.get(side) for key, values in changed.items()} for side in ("new", "old"))
    names = list(dict.fromkeys(key.rpartition(".")[2] for key in changed))
    first, *others = sorted(dict.fromkeys(key.rpartition(".")[0] for key in changed), key=lambda of: of != "model")
    lines = [
        f"| metric | {first} | last commit | difference | {' | '.join(others)} |",
        "|---" * (4 + len(others)) + "|",
    ]
    for name in names:
        key = f"{first}.{name}"
        cells = [
            now.get(key),
            then.get(key),
            changed.get(key, {}).get("diff"),
            *(now.get(f"{of}.{name}") for of in others),
        ]
        lines.append(f"| {name} | {' | '.join(map(_show, cells))} |")
    return "\n".join(lines)


def _show(value: object) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
