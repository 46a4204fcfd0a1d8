"""Installed from a wheel, `tenview` works in any folder: it finds its presets and the parts of its pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scans.compiled import CACHES
from stages.cli import STAGES
from stages.params import presets
from tests.clones import new_clone, write_params

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PARAMS = """
download: {synthetic: {jaws: 6, test_jaws: 2, voxel_size: 1.2}}
prepare: {points: 512, validation_share: 0.25}
render: {image_size: 32, samples: 1}
train:
  epochs: 1
  network: {width: 16, heads: 2}
  cloud: {hidden: 16}
report: {cases: 2}
compute: {workers: 1, accelerator: cpu}
"""


@pytest.fixture(scope="module")
def tenview(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in an environment that has the wheel, and this environment's packages for what Tenview depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    source = new_clone(project, folder / "source", "")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source)]
    subprocess.run([*pip, *build], check=True)
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    program = environment / "bin" / "python"
    packages = next(environment.glob("lib/*/site-packages"))
    # Paths of a .pth file come after the environment's own packages, and the .pth files there are not read: so it is
    # the wheel's code that runs, not this clone's.
    borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    wheel = next(folder.glob("tenview-*.whl"))
    install = ["--python", str(program), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    return program.with_name("tenview")


def run(program: Path, folder: Path, *arguments: str, code: int = 0) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    clean["NUMBA_CACHE_DIR"] = str(CACHES)  # or everything would be compiled once more, beside the installed code
    ended = subprocess.run([program, *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert ended.returncode == code, f"{arguments}:\n{ended.stdout}\n{ended.stderr}"
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def test_the_wheels_code_runs(tenview: Path, tmp_path: Path) -> None:
    where = "import stages.cli, scans; print(stages.cli.__file__, scans.__file__)"
    paths = run(tenview.with_name("python"), tmp_path, "-c", where).split()
    assert all(str(tenview.parents[1]) in path for path in paths)


def test_the_wheel_has_the_page_with_its_style_and_scripts(tenview: Path, tmp_path: Path) -> None:
    code = "from stages.app.pages import STATIC, index, static; print(index(), *map(static, STATIC))"
    said = run(tenview.with_name("python"), tmp_path, "-c", code)
    assert "<!doctype html>" in said
    assert "view_09" in said, "the guide of the model that comes along"


def test_help_and_presets_need_nothing_in_the_folder(tenview: Path, tmp_path: Path) -> None:
    assert "predict" in run(tenview, tmp_path, "--help")
    listed = run(tenview, tmp_path, "preset").splitlines()
    assert [line.split(":")[0] for line in listed] == presets.names()
    assert "params.yaml: not found" in run(tenview, tmp_path, "params", code=1)
    assert not list(tmp_path.iterdir())


def test_the_pipeline_runs_in_a_folder_with_nothing_but_parameters(tenview: Path, tmp_path: Path) -> None:
    write_params(tmp_path, PARAMS)
    for stage in STAGES:
        run(tenview, tmp_path, stage)
    page = (tmp_path / "reports/index.html").read_text(encoding="utf-8")
    assert "3D view" in page
    assert "webgl" in page, "the viewer's script is in it"
    assert "render.image_size" in run(tenview, tmp_path, "preset", "paper")
