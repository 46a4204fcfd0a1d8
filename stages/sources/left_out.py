"""What a command tells of the files that it leaves out."""

from collections.abc import Mapping
from pathlib import Path

from scans.cases.folder import NO_SCAN
from scans.cases.walk import HIDDEN
from stages.runtime.progress import say

SHOWN = 20  # names in a line


def tell(left_out: Mapping[str, str], origin: Path, command: str = "download") -> None:
    """A line for each reason, with the files' names; files that no one would take for scans come last.

    Args:
        left_out: the reason by the file's path below `origin`, as the manifest has it.
        command: which leaves them out; of `download` the manifest lists them all.
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    where = ", see data/scans/cases.json" if command == "download" else ""
    for reason in sorted(by_reason, key=lambda reason: (reason in (HIDDEN, NO_SCAN), reason)):
        names = by_reason[reason]
        more = f" and {len(names) - SHOWN} more{where}" if len(names) > SHOWN else ""
        say(f"{command}: {origin}: left out, {reason}: {', '.join(names[:SHOWN])}{more}")
