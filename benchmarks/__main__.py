"""Every benchmark beside its peers, each in a process of its own, and one table of them all.

python benchmarks > docs/benchmarks.md     # the table alone; what the benchmarks print themselves goes to stderr
python benchmarks loader reader            # some of them
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from table import ROWS_FILE, machine, markdown, offered

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Run the benchmarks named on the command line, or all; print the table. Exit code 1 where one of them failed."""
    scripts = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"all, or some of {', '.join(scripts)}")
    wanted = parser.parse_args().names
    if unknown := set(wanted) - scripts.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        rows.touch()
        environment = os.environ | {
            ROWS_FILE: str(rows),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(FOLDER.parent), os.environ.get("PYTHONPATH")))),
        }
        for script in [scripts[name] for name in wanted or scripts]:
            print(f"\n== benchmarks/{script.name}", file=sys.stderr, flush=True)
            ended = subprocess.run([sys.executable, script], env=environment, stdout=sys.stderr, check=False)
            if ended.returncode:
                failed.append(script.name)
        found = offered(rows)
    print("# Benchmarks\n")
    print("Tenview compared with other libraries, both measured in the same run. Made by:\n")
    print(f"    {' '.join(['python benchmarks', *wanted])}\n")
    print(f"On {machine()}\n")
    print(markdown(found))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
