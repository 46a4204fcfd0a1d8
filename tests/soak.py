"""A random kill campaign on the whole pipeline: `make soak`, half an hour on two cores. Not collected by pytest.

1. SIGKILL at random moments in random stages, on DVC with its stage or on DVC alone.
2. Two `make repro` at once.
3. The pipeline on disks that fill up in the middle of it, and then become larger.

After each, `make repro` must end with the dvc.lock of a run that nobody disturbed.
Prints a line for each, and counts at the end; ends with 1 where a run ended in anything else.
"""

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stages.cli import STAGES
from tests.clones import commit, environment, finish, kill, lock, run, running_stage, start, toy_clone

SMALLER = """
download: {synthetic: {jaws: 5, test_jaws: 2, voxel_size: 2.0}}
prepare: {points: 256, validation_share: 0.4, cases_per_shard: 1}
render: {image_size: 32, samples: 1}
train: {epochs: 2, network: {decoder: cloud}}
evaluate: {hungarian_draws: 0}
compute: {workers: 2}
"""
# As users start it. The clone has no environment of its own: -o says that there is nothing to install.
REPRO = ("make", "-o", "install", "repro")
TORN = "DVC was killed while it wrote this file"  # says flows.torn_files, which mends it


def seconds_of_stages(clone: Path) -> dict[str, float]:
    """How long DVC takes for each stage alone, which is run again."""
    taken = {}
    for stage in STAGES:
        started = time.monotonic()
        run(clone, "dvc", "repro", "--force", "--single-item", stage)
        taken[stage] = time.monotonic() - started
    return taken


def kill_at_random(clone: Path, kills: int, chance: random.Random) -> Counter[str]:
    """Counts where the kills hit, and what was wrong after the run that followed."""
    right, seconds, counts = lock(clone), seconds_of_stages(clone), Counter[str]()
    print("seconds of each stage:", {stage: round(each, 1) for stage, each in seconds.items()}, flush=True)
    done = 0
    while done < kills:
        stage = chance.choice(list(STAGES))
        shutil.rmtree(clone / ".dvc/cache/runs", ignore_errors=True)  # or DVC would restore what was killed
        if chance.random() < 0.5:
            shutil.rmtree(clone / ".tenview", ignore_errors=True)  # or most shards would come from the store
        dvc = start(clone, "dvc", "repro", "--force", "--single-item", stage)
        try:
            dvc.wait(timeout=chance.uniform(0, 1.1 * seconds[stage]))
            continue  # it was faster than the kill
        except subprocess.TimeoutExpired:
            hit = running_stage(dvc) or "dvc itself"
        orphan = chance.random() < 0.5
        kill(dvc, orphan=orphan)
        done += 1
        counts[f"killed in {hit}"] += 1
        counts["killed DVC alone" if orphan else "killed DVC and its stage"] += 1
        said, wrong = repro(clone, right)
        counts["file of DVC's torn, and mended by make repro"] += said.count(TORN)
        counts["wrong" if wrong else "right"] += 1
        print(f"kill {done} in {hit}{' (DVC alone)' * orphan}: {wrong or 'the same bytes'}", flush=True)
    return counts


def repro(clone: Path, right: dict[str, Any]) -> tuple[str, str]:
    """Run it after a disturbance: what it says, and what is wrong then; "" if nothing."""
    for file in ("params.yaml", "dvc.yaml"):
        assert run(clone, "git", "status", "--short", file).stdout == "", file
    try:
        ended = run(clone, *REPRO, timeout=3000)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return "", f"it failed: {error}"
    return ended.stdout + ended.stderr, other_entries(clone, right)


def other_entries(folder: Path, right: dict[str, Any]) -> str:
    """The stages of which dvc.lock says something else than after a run that nobody disturbed; "" if none."""
    found = lock(folder)
    stages = [stage for stage in STAGES if found.get(stage) != right[stage]]
    return f"other bytes: {', '.join(stages)}" if stages else ""


def two_at_once(clone: Path) -> Counter[str]:
    """Two runs from nothing at the same time, where one waits for the other."""
    right = lock(clone)
    forget(clone)
    both = [start(clone, *REPRO) for _ in range(2)]
    codes = [each.wait(timeout=3000) for each in both]
    wrong = other_entries(clone, right) if codes == [0, 0] else f"exit codes {codes}"
    print(f"two at once: {wrong or 'the same bytes'}", flush=True)
    return Counter({"two at once: wrong" if wrong else "two at once: right": 1})


def forget(clone: Path) -> None:
    """Leave nothing of earlier runs: no outputs, no cache, nothing kept for resuming."""
    for name in ("data", "artifacts", "reports", ".tenview", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(clone / name, ignore_errors=True)
    (clone / "dvc.lock").unlink()


def pages(folder: Path) -> int:
    """What the folder's files take of a tmpfs, in pages of 4096 bytes; a file with several names counts once."""
    sizes = {stat.st_ino: stat.st_size for stat in (path.lstat() for path in folder.rglob("*") if path.is_file())}
    return sum(-(-size // 4096) for size in sizes.values())


def full_disk(clone: Path, part: float) -> Counter[str]:
    """A run from nothing on a disk that fills up, and one that follows when there is room.

    A tmpfs in a mount namespace of its own, as in tests/stages/test_full_disk.py.

    Args:
        clone: finished; nothing has been deleted from it.
        part: of what the run writes, for which the disk has room.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, after = Path(folder, "given"), Path(folder, "after")
        shutil.copytree(clone, given, symlinks=True)
        forget(given)
        empty, finished = pages(given), pages(clone)
        size = 4 * round(empty + part * (finished - empty))
        after.mkdir()
        script = (
            f"mkdir disk && mount -t tmpfs -o size={size}k none disk && cp -r given/. disk || exit 99\n"
            f"cd disk && {shlex.join(REPRO)} && exit 98\n"
            f"mount -o remount,size=1g . && {shlex.join(REPRO)} && cp dvc.lock {after}"
        )
        ended = subprocess.run(
            ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []), "sh", "-c", script],
            cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        expected = {99: "not done, for want of mount namespaces", 98: "large enough", 0: "right"}
        result = expected.get(ended.returncode, "wrong")
        if result == "right" and other_entries(after, lock(clone)):
            result = "wrong"
    told = [line for line in ended.stdout.splitlines() if "No space left" in line][:1]
    print(f"disk with room for {part:.0%} of the run, {size} kB: {result}; it said {told}", flush=True)
    if result != "right" or "Traceback" in ended.stdout:
        print(ended.stdout)
    return Counter({f"full disk: {result}": 1})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        clone = toy_clone(Path(folder))
        (clone / "presets/smaller.yaml").write_text("# For many runs.\n" + SMALLER)
        run(clone, "tenview", "preset", "smaller")
        commit(clone)
        finish(clone)
        counts = kill_at_random(clone, options.kills, chance)
        counts += two_at_once(clone)
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            counts += full_disk(clone, part)
    print(*(f"{count:5} {what}" for what, count in sorted(counts.items())), sep="\n")
    return int(any("wrong" in what for what in counts))


if __name__ == "__main__":
    sys.exit(main())
