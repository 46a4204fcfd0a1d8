"""The process that works on a jaw of the page: `tenview predict`, then the content of its page.

Started by stages.app.jobs as `python -m stages.app.work FOLDER SERVER`, with the server's process id.
"""

import json
import signal
import sys
from pathlib import Path

from stages import cli
from stages.app.jobs import CASE, VIEW, Case
from stages.app.uploads import JAW
from stages.runtime.system import end_with_parent


def arguments(case: Case, folder: Path) -> list[str]:
    """The words after `tenview` that reconstruct the jaw in a folder."""
    options = [word for name, value in case.options.items() for word in (f"--{name}", value)]
    if not case.is_scan:
        return ["predict", str(folder / JAW), "--out", str(folder / "out"), "--missing", "any", *options]
    scan = next(path for path in case.files if Path(path).suffix != ".json")
    return ["predict", "--from-scan", str(folder / scan), "--out", str(folder / "out"), *options]


def main(folder: Path) -> int:
    """Work on the jaw in a folder; returns the exit code."""
    (folder / VIEW).unlink(missing_ok=True)
    case = Case(**json.loads((folder / CASE).read_text(encoding="utf-8")))
    sys.argv = ["tenview", *arguments(case, folder)]
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            return int(end.code)

    from stages.app.view import write_view

    write_view(folder, case)
    return 0


if __name__ == "__main__":
    end_with_parent(signal.SIGKILL, int(sys.argv[2]))
    sys.exit(main(Path(sys.argv[1])))
