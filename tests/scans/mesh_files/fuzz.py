"""Mutations of valid mesh files of every kind, each read in a process that is watched.

    PYTHONPATH=. python tests/scans/mesh_files/fuzz.py --count 10000

A file must be read or refused by a ScanError that names it, within SECONDS of processor time and with at most four
times the memory that the file takes when it is whole. Prints what happened; ends with 0 where all is as it must be.
"""

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.scans.mesh_files.mutations import mutated

SIZE = "60 50"  # 5,782 faces
SECONDS = 20  # of processor time: others may use the machine
MOST_MEMORY = 4.0  # times the need of the whole file
NOISE = 1 << 20  # bytes that a process may grow for any reason


def status(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def work(seed: int, first: int, last: int, folder: Path) -> None:
    """Read mutations first … last − 1; a line of JSON for each."""
    os.environ["CORPUS_SIZE"] = SIZE
    sys.path.insert(0, str(Path(__file__).parent))
    from corpus import corpus

    from scans.errors import ScanError
    from scans.mesh_files.read import read_mesh

    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(-3, 1 << 16)  # M_MMAP_THRESHOLD: what is larger goes back to the system when it is freed

    def trial(path: Path, first_time: bool = False) -> tuple[str, float, int]:
        libc.malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before, start = status("VmRSS"), time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, 0 if first_time else SECONDS)
        try:
            mesh = read_mesh(path)
            right = 0 <= mesh.faces.min() <= mesh.faces.max() < len(mesh.vertices)
            outcome = "read" if right and len(mesh.faces) else "WRONG: faces beyond the vertices"
            outcome = outcome if mesh.labels is None or len(mesh.labels) == len(mesh.vertices) else "WRONG: labels"
        except ScanError as error:
            outcome = "refused" if str(error).startswith(f"{path}: ") else f"WRONG: no name in {error}"
        except BaseException as error:
            outcome = f"CRASH: {type(error).__name__}: {error}"[:300]
        signal.setitimer(signal.ITIMER_PROF, 0)
        return outcome, time.perf_counter() - start, status("VmHWM") - before

    files = {name: data for name, (data, _) in corpus(folder).items()}
    names = sorted(files)
    need = {}
    for name in names:
        path = folder / f"{seed}-{first}{Path(name).suffix}"
        path.write_bytes(files[name])
        trial(path, first_time=True)  # compiles
        need[name] = trial(path)[2]
    for number in range(first, last):
        rng = np.random.default_rng([seed, number])
        name = names[number % len(names)]
        path = folder / f"{seed}-{first}{Path(name).suffix}"
        path.write_bytes(mutated(files[name], files[names[rng.integers(len(names))]], rng))
        print(json.dumps([number, "begun"]), flush=True)
        outcome, seconds, memory = trial(path)
        factor = max(memory - NOISE, 0) / max(need[name], 1)
        if factor > MOST_MEMORY:
            outcome = f"MEMORY: {memory / 1e6:.1f} MB, and the whole file takes {need[name] / 1e6:.1f}"
        print(json.dumps([number, name, outcome, seconds, factor]), flush=True)


def run(count: int, seed: int) -> bool:
    """Read so many mutations and print what happened. Returns whether all is as it must be."""
    outcomes: Counter[str] = Counter()
    slowest = largest = 0.0
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        while done < count:
            command = [sys.executable, __file__, "--work", str(done), "--count", str(count), "--seed", str(seed)]
            worker = subprocess.Popen([*command, "--folder", folder], stdout=subprocess.PIPE, text=True)
            assert worker.stdout is not None
            begun = done
            for line in worker.stdout:
                number, *rest = json.loads(line)
                if rest == ["begun"]:
                    begun = number
                    continue
                name, outcome, seconds, factor = rest
                done = number + 1
                slowest, largest = max(slowest, seconds), max(largest, factor)
                outcomes[outcome.split(":")[0]] += 1
                if outcome not in ("read", "refused"):
                    print(f"{number} ({name}): {outcome}")
            if worker.wait() != 0:  # SIGPROF ends a process that hangs
                if begun < done or (done == 0 == begun and not outcomes):
                    print(f"the worker ended with {worker.returncode} before it began")
                    return False
                what = "HANG" if worker.returncode == -signal.SIGPROF else f"CRASH with {worker.returncode}"
                print(f"{begun}: {what}")
                outcomes[what.split()[0]] += 1
                done = begun + 1
    print(f"{count} files: {dict(sorted(outcomes.items()))}; slowest {slowest:.2f} s; memory at most {largest:.1f} x")
    return set(outcomes) <= {"read", "refused"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="files to read")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work is not None:
        work(options.seed, options.work, options.count, options.folder)
    else:
        sys.exit(not run(options.count, options.seed))


if __name__ == "__main__":
    main()
