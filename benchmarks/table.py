"""Rows of the one table that `python benchmarks` prints, and the machine that they were measured on.

A benchmark prints what it likes and ends with, for instance,

    offer(Row("reader", "OBJ, 260,000 faces", "ms", ours=25.1, peer="trimesh", theirs=520.0))
"""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROWS_FILE = "TENVIEW_BENCHMARK_ROWS"  # names the file that `python benchmarks` collects the rows from
PACKAGES = ("numpy", "numba", "torch", "trimesh", "pyrender", "pyarrow", "datasets", "opencv-python-headless")


@dataclass(frozen=True)
class Row:
    """One comparison, both sides measured in the same run.

    Attributes:
        part: reader, sampler, renderer, encoder, loader, end to end, ...
        what: the work that is measured.
        unit: of both figures. One that ends in `/s` is a rate, where more is better; elsewhere less is.
        peer: what ours is compared with; empty where there is none.
    """

    part: str
    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if self.theirs is None:
            return None
        return self.ours / self.theirs if self.unit.endswith("/s") else self.theirs / self.ours


def offer(*rows: Row) -> None:
    """Hand rows to `python benchmarks`; nothing happens where a benchmark runs by itself."""
    if path := os.environ.get(ROWS_FILE):
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def offered(path: Path) -> list[Row]:
    """The rows that were handed over, in their order."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def markdown(rows: Iterable[Row]) -> str:
    """The table."""
    lines = ["| part | what | ours | peer | its value | ratio |", "|---|---|--:|---|--:|--:|"]
    for row in rows:
        theirs = "" if row.theirs is None else f"{_figure(row.theirs)} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.1f} ×"
        lines.append(f"| {row.part} | {row.what} | {_figure(row.ours)} {row.unit} | {row.peer} | {theirs} | {ratio} |")
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores, memory and versions, in two sentences."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GB memory, {platform.system()}. "
        f"Python {platform.python_version()}, {versions}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _figure(value: float) -> str:
    """Three digits that count, without an exponent."""
    digits = max(0, 3 - len(str(int(value)))) if value >= 1 else 3
    return f"{value:,.{digits}f}"
