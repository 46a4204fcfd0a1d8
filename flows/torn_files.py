"""Files that DVC writes in place, and that a SIGKILL in that moment leaves empty or cut off.

Every `dvc` then ends with an error, until somebody deletes the file. Nothing is lost with it: what stages wrote since
the last commit comes from DVC's run cache. `python -m flows.torn_files` is what `make repro` does before it starts DVC,
while it holds .tenview/run.lock; flows call `mend` themselves.
"""

import json
import subprocess
import sys
from pathlib import Path

from flows.dvc import wait_for_others

LOCK = Path("dvc.lock")  # digests of what each stage read and wrote
RWLOCK = Path(".dvc/tmp/rwlock")  # which DVC works on which files


def mend() -> list[str]:
    """Take torn files away, or put the committed one in their place; no other DVC may work here.

    Returns:
        A line for each.
    """
    told = []
    if LOCK.exists() and not LOCK.read_bytes().endswith(b"\n"):  # whole ones do, those with a conflict of Git's too
        LOCK.unlink()
        restored = not subprocess.run(["git", "checkout", "--", LOCK], capture_output=True, check=False).returncode
        what = "put back the committed one" if restored else "deleted it, for Git has none"
        told.append(f"{LOCK}: DVC was killed while it wrote this file; {what}")
    if RWLOCK.exists() and not _is_json(RWLOCK):
        RWLOCK.unlink()
        told.append(f"{RWLOCK}: DVC was killed while it wrote this file; deleted it")
    return told


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def main() -> None:
    """Wait until no other DVC works in this folder, then mend what one left."""

    def tell(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    wait_for_others(tell)
    for line in mend():
        tell(line)


if __name__ == "__main__":
    main()
