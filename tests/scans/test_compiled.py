import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scans import compiled


def test_compiled_code_is_kept_under_a_name_that_any_change_of_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "PROJECT", tmp_path)
    monkeypatch.setattr(compiled, "CACHES", tmp_path / "caches")
    (tmp_path / "scans").mkdir()
    folders = []
    for text in ("a = 1", "a = 2"):
        (tmp_path / "scans" / "helper.py").write_text(text)
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        compiled.choose_cache()
        folders.append(Path(os.environ["NUMBA_CACHE_DIR"]))
    assert folders[0] != folders[1]
    assert folders[0].is_dir(), "a run of the earlier code may still go on"
    long_ago = time.time() - compiled.KEPT_SECONDS - 1
    os.utime(folders[0], (long_ago, long_ago))
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    compiled.choose_cache()
    assert not folders[0].exists()
    assert folders[1].is_dir()


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
