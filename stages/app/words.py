"""What happened to a jaw of the page, in plain words: from the log of `tenview predict`, with the user's file names."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path

from stages.app.jobs import FAILED, INTERRUPTED, LOG, QUEUED, RUNNING, Case
from stages.app.uploads import JAW, shown
from stages.prediction.view_names import view_number

MOST_LOG = 200_000  # bytes of a log that are read
# Lines that tell how far the command is, not what it found.
PROGRESS = re.compile(r"reconstructing: |predict: \d+ of \d+ jaws in |tenview: no model in ")
OUT_OF_MEMORY = (
    "the work was ended by the system, most likely for lack of memory. Close other programs, or drop a smaller scan"
)
BUG = "Tenview made a mistake here, not you. The log below says where; please report it with the files"
STOPPED = "Tenview was stopped twice while it worked on this jaw. Try again"


def tail(folder: Path) -> str:
    """The end of a case's log; "" where there is none."""
    try:
        with open(folder / LOG, "rb") as file:
            file.seek(max(0, (folder / LOG).stat().st_size - MOST_LOG))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def in_users_names(text: str, folder: Path, files: Mapping[str, str]) -> str:
    """A message with the names that the user's files had in place of those that they are kept under."""
    for path, name in files.items():
        kept, number = Path(path).name, view_number(Path(path).name)
        called = shown(name)
        if number is not None and view_number(name) != number:
            called += f" (view {number})"
        text = text.replace(str(folder / path), kept)
        text = re.sub(rf"(?<![\w/.-]){re.escape(kept)}(?![\w-])", called.replace("\\", r"\\"), text)
    text = text.replace(str(folder / JAW), "the pictures").replace(f"{JAW}: ", "")
    return text.replace(f"{folder}/", "")


def messages(case: Case, folder: Path) -> list[str]:
    """Why a case failed, a sentence each; nothing of one that did not."""
    if case.state == INTERRUPTED:
        return [STOPPED]
    if case.state != FAILED:
        return []
    if case.exit_code == -signal.SIGKILL:
        return [OUT_OF_MEMORY]
    if "Traceback (most recent call last)" in tail(folder) or (case.exit_code or 0) < 0:
        return [BUG]
    return notices(case, folder) or ["the work ended without a word. Try again"]


def notices(case: Case, folder: Path) -> list[str]:
    """What the command said, but for how far it was and for warnings, which its account holds."""
    told = [line for line in tail(folder).splitlines() if line.strip() and not PROGRESS.match(line)]
    told = [line for line in told if ": warning: " not in line]
    return [in_users_names(re.sub(r"^(predict|tenview): ", "", line), folder, case.files) for line in told]


def step(case: Case, waiting: int, folder: Path) -> str:
    """How far a case is, in a few words."""
    if case.state == QUEUED:
        return f"waiting; {waiting} before it" if waiting else "waiting"
    if case.state != RUNNING:
        return case.state
    if "reconstructing: 1 of 1" in tail(folder):
        return "drawing the result"
    return "building the surface from the pictures" if not case.is_scan else "reading the scan, and building the jaw"
