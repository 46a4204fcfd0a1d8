"""What went wrong in the Prefect server of `tenview serve`: its services tell it to its log alone."""

import re
from collections import Counter
from pathlib import Path

from stages.runtime.workspace import HIDDEN

LOG = HIDDEN / "prefect" / "server.log"
BYTES_READ = 1_000_000
_ENTRY = re.compile(r"\d\d:\d\d:\d\d\.\d+ \| (?P<level>\w+) +\| (?P<rest>.*)")
_END = "00:00:00.000 | END | "
_EXCEPTION = re.compile(r"[\w.]+(Error|Exception)\b")
_SERVICE = re.compile(r"\{(\w+)\}")  # in messages of the loops that Prefect runs
_PASSING = "database is locked"  # SQLite under load; Prefect tries again


def server_errors(log: Path = LOG) -> Counter[str]:
    """How often each error stands in the log's last megabyte, as `service: the exception`; none without a log."""
    found: Counter[str] = Counter()
    entry: list[str] = []
    for line in [*_last_lines(log), _END]:
        if not (start := _ENTRY.match(line)):
            entry += [line] if entry else []
            continue
        if entry and not any(_PASSING in each for each in entry):
            found[_summary(entry)] += 1
        entry = [start["rest"]] if start["level"] in ("ERROR", "CRITICAL") else []
    return found


def _last_lines(log: Path) -> list[str]:
    if not log.exists():
        return []
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - BYTES_READ))
        return file.read().decode(errors="replace").splitlines()


def _summary(entry: list[str]) -> str:
    service = _SERVICE.search(entry[0])
    causes = [line for line in entry[1:] if _EXCEPTION.match(line)]
    return f"{service[1]}: {causes[-1]}" if service and causes else causes[-1] if causes else entry[0]
