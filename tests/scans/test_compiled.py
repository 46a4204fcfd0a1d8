import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scans import compiled


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file, whose caches are chosen and pruned instead of ours."""
    monkeypatch.setattr(compiled, "PROJECT", tmp_path)
    monkeypatch.setattr(compiled, "CACHES", tmp_path / "caches")
    (tmp_path / "scans").mkdir()
    return tmp_path


def test_any_change_of_code_starts_a_new_cache(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = set()
    for text in ("a = 1", "a = 2"):
        (project_folder / "scans" / "helper.py").write_text(text)
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        compiled.choose_cache()
        folders.add(os.environ["NUMBA_CACHE_DIR"])
    assert len(folders) == 2
    assert not (project_folder / "caches").exists(), "choosing touches no file"


def test_caches_that_nothing_uses_any_more_are_pruned(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, recent, abandoned = (project_folder / "caches" / name for name in ("own", "recent", "abandoned"))
    for cache in (own, recent, abandoned):
        cache.mkdir(parents=True)
    long_ago = time.time() - compiled.KEPT_SECONDS - 1
    for cache in (own, abandoned):
        os.utime(cache, (long_ago, long_ago))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(own))
    compiled.prune_caches()
    assert own.is_dir()
    assert own.stat().st_mtime > long_ago + 1, "in use, so that no other process prunes it"
    assert recent.is_dir(), "a run of the earlier code may still go on"
    assert not abandoned.exists()


def test_nothing_is_pruned_where_there_is_no_cache(project_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
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
