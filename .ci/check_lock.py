"""Whether dvc.lock belongs to the code, parameters and results beside it; needs no data.

Run in a folder with a dvc.yaml: `python .ci/check_lock.py`. Exits with 1 and names every stage's dependency that is not
the one that the stage ran with: code, camera files, parameters, and the command itself. Results that Git keeps
(`cache: false`) must be those that the stage wrote. What other stages write is left out: it needs the data, and follows
from their own dependencies. Unlike `dvc status` this reads no data, and works while a `dvc repro` runs.
"""

import sys
from collections.abc import Iterator

from dvc.repo import Repo
from dvc.stage import PipelineStage


def stale(stage: PipelineStage, written: set[str]) -> Iterator[str]:
    """The dependencies and results of a stage that differ from dvc.lock.

    Args:
        written: paths of the outputs of all stages.
    """
    if stage.cmd_changed:
        yield "its command"
    for dep in stage.deps:
        if dep.fs_path not in written:
            for path, state in dep.status().items():
                # A file's state is a word; a parameter file has one for each of its sections.
                states = {path: state} if isinstance(state, str) else {f"{path}, {key}": state[key] for key in state}
                yield from (f"{name} ({word})" for name, word in states.items())
    for out in stage.outs:
        if not out.use_cache:
            yield from (f"{path} ({state})" for path, state in out.status().items())


def main() -> int:
    """Print what is stale. Returns the exit code."""
    with Repo() as repo:
        stages = repo.index.stages
        written = {out.fs_path for stage in stages for out in stage.outs}
        lines = [f"  {stage.name}: {what}" for stage in stages for what in stale(stage, written)]
    if lines:
        head = "dvc.lock is not of this code: run `dvc repro` and commit it. What changed since:"
        sys.stderr.write("\n".join([head, *lines, ""]))
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
