"""A folder of the user's that a source reads."""

from pathlib import Path

from scans.errors import UserError
from stages.runtime.workspace import HIDDEN, MODEL, PREPARED, SCANS, VIEWS

OUTPUTS = (SCANS, PREPARED, VIEWS, MODEL, HIDDEN)  # folders whose content Tenview replaces


def refuse_outputs(folder: Path, content: str) -> None:
    """Refuse a folder in which a stage would delete the user's files, or take its own outputs for them.

    Args:
        content: what of the user's lies there, in a word.

    Raises:
        UserError: the folder is or lies in an output folder of Tenview, or data/scans lies in it.
    """
    here = folder.resolve()
    if any(here.is_relative_to(output.resolve()) for output in OUTPUTS):
        raise UserError(f"{folder}: Tenview deletes what lies there. Keep your {content} in another folder.")
    if SCANS.resolve().is_relative_to(here):
        raise UserError(
            f"{folder}: {SCANS} lies there, which Tenview writes. Keep your {content} in a folder of their own."
        )
