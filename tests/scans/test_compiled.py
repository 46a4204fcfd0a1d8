import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scans import compiled

HELPER = """
from numba import njit
@njit(cache=True)
def height(x): return x + {}
"""
CALLER = """
from numba import njit
from scans.helper import height
@njit(cache=True)
def twice(x): return 2 * height(x)
print(twice(1), *twice.stats.cache_hits.values())
"""


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose caches are pruned instead of ours."""
    monkeypatch.setattr(compiled, "CACHES", tmp_path / "caches")
    return tmp_path


def small_project(folder: Path, project: Path, added: int) -> Path:
    """A project with a compiled function that calls one of another file, and a file of something else."""
    (folder / "scans").mkdir(parents=True)
    for name in ("__init__.py", "compiled.py"):
        (folder / "scans" / name).write_bytes((project / "scans" / name).read_bytes())
    (folder / "scans/helper.py").write_text(HELPER.format(added))
    (folder / "scans/caller.py").write_text(CALLER)
    (folder / "scans/other.py").write_text("a = 1\n")
    return folder


def called(folder: Path, **environment: str) -> list[str]:
    """What the small project's function returns in a new process, and how often it came from the cache."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CACHE")}
    ended = subprocess.run(
        [sys.executable, "-c", "import scans.caller"],
        cwd=folder, env=clean | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout.split()


@pytest.mark.slow
def test_a_change_in_a_helper_of_another_file_compiles_anew_and_one_elsewhere_does_not(
    tmp_path: Path, project: Path
) -> None:
    folder = small_project(tmp_path, project, 1)
    assert called(folder) == ["4"]
    assert called(folder) == ["4", "1"]
    (folder / "scans/other.py").write_text("a = 2\n")
    assert called(folder) == ["4", "1"]
    (folder / "scans/helper.py").write_text(HELPER.format(2))
    assert called(folder) == ["6"]
    (folder / "scans/helper.py").write_text(HELPER.format(1))
    assert called(folder) == ["4", "1"], "earlier code's is still there"


@pytest.mark.slow
def test_clones_with_one_folder_share_what_is_compiled(tmp_path: Path, project: Path) -> None:
    one, other, third = (
        small_project(tmp_path / name, project, added) for name, added in (("a", 1), ("b", 1), ("c", 2))
    )
    shared = str(tmp_path / "shared")
    assert called(one, NUMBA_CACHE_DIR=shared) == ["4"]
    assert called(other, NUMBA_CACHE_DIR=shared) == ["4", "1"]
    assert called(third, NUMBA_CACHE_DIR=shared) == ["6"]
    assert not (one / ".tenview").exists()


def test_caches_that_nothing_uses_any_more_are_pruned(project_folder: Path) -> None:
    recent, abandoned = (project_folder / "caches" / name for name in ("recent", "abandoned"))
    for folder in (recent, abandoned):
        folder.mkdir(parents=True)
    long_ago = time.time() - compiled.KEPT_SECONDS - 1
    os.utime(abandoned, (long_ago, long_ago))
    compiled.prune_caches()
    assert recent.is_dir(), "in use, or a run of the earlier code may still go on"
    assert not abandoned.exists()


def test_a_cache_that_is_used_again_is_recent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    file = str(compiled.PROJECT / "scans/surface_nets.py")
    found = compiled.ModuleCache.from_function(small_project, file)
    assert found
    os.utime(found.get_cache_path(), (0, 0))
    compiled.ModuleCache.from_function(small_project, file)
    assert time.time() - Path(found.get_cache_path()).stat().st_mtime < compiled.KEPT_SECONDS


def test_functions_of_other_packages_are_numbas_to_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert compiled.ModuleCache.from_function(small_project, os.__file__) is None
    inside = compiled.PROJECT / ".venv/lib/scans/__init__.py"
    assert compiled.ModuleCache.from_function(small_project, str(inside)) is None


def test_nothing_is_pruned_where_there_is_no_cache(project_folder: Path) -> None:
    compiled.prune_caches()
    assert not (project_folder / "caches").exists()


def test_importing_scans_leaves_all_folders_as_they_are(tmp_path: Path, project: Path) -> None:
    copy = tmp_path / "scans"
    copy.mkdir()
    for name in ("__init__.py", "compiled.py"):
        (copy / name).write_bytes((project / "scans" / name).read_bytes())
    code = "import os, scans; print(scans.__file__, os.environ['NUMBA_CACHE_DIR'])"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith(f"{copy / '__init__.py'} {tmp_path / '.tenview' / 'numba'}")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["__init__.py", "compiled.py", "scans"]


def test_a_folder_of_the_users_choice_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    compiled.choose_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"


@pytest.mark.parametrize(
    "module", ["scans.sampling.sample_surface", "renderers.rasteriser.rasteriser", "model.geometry.neighbours"]
)
def test_numba_uses_it_whatever_is_imported_first(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    code = (
        f"import {module}, numba, scans.compiled; print(numba.config.CACHE_DIR.startswith(str(scans.compiled.CACHES)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"
