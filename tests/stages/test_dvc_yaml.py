"""dvc.yaml against the code: a forgotten dep would leave a stage stale, a wrong one would run it for nothing."""

from pathlib import Path

import grimp
import pytest
from ruamel.yaml import YAML

from stages.cli import STAGES

PACKAGES = ("flows", "stages", "model", "renderers", "scans")
# What can change no output's bytes: how work is spread, shown and stored, and how files are fetched and unpacked, whose
# checksums hold. Parameter values are tracked by DVC itself.
PLUMBING = {
    "model.runtime",
    "scans.compiled",
    "scans.errors",
    "scans.fetching",
    "scans.files",
    "stages.params",
    "stages.runtime",
}


@pytest.fixture(scope="module")
def pipeline(project: Path) -> dict:
    return YAML(typ="safe", pure=True).load(project / "dvc.yaml")["stages"]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def modules(graph: grimp.ImportGraph, stage: str) -> set[str]:
    entry = f"stages.{stage}"
    found = {entry, *graph.find_upstream_modules(entry)} - set(PACKAGES)
    return {module for module in found if not any(f"{module}.".startswith(f"{wing}.") for wing in PLUMBING)}


def dep_of(module: str, deps: set[str]) -> str | None:
    path = Path(*module.split("."))
    names = [str(path), *map(str, path.parents), f"{path}.py"]
    return next((name for name in names if name in deps), None)


def test_stages_are_the_commands_in_order(pipeline: dict) -> None:
    assert list(pipeline) == list(STAGES)
    for name, stage in pipeline.items():
        assert stage["cmd"] == f"tenview {name}"
        assert stage["params"] == [name]
        assert stage["desc"]


@pytest.mark.parametrize("stage", STAGES)
def test_deps_cover_what_the_stage_imports(stage: str, pipeline: dict, imports: grimp.ImportGraph) -> None:
    deps = set(pipeline[stage]["deps"])
    missing = {module for module in modules(imports, stage) if dep_of(module, deps) is None}
    assert not missing


@pytest.mark.parametrize("stage", STAGES)
def test_every_code_dep_is_imported(stage: str, pipeline: dict, imports: grimp.ImportGraph, project: Path) -> None:
    code = {dep for dep in pipeline[stage]["deps"] if dep.split("/")[0] in PACKAGES}
    used = {dep_of(module, code) for module in modules(imports, stage)}
    assert code == used - {None}
    assert all((project / dep).exists() for dep in code)
