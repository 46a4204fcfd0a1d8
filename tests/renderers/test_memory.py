"""Memory of the renderers, in processes of their own: what other tests have taken doesn't count."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
MEGABYTE = 1 << 20

HEAD = """
import gc, sys
import numpy as np, psutil
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from renderers.rasteriser.shading import Shading

rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=64, order=range(10))
shading = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)

def sheet(cells):
    side = np.linspace(-0.6, 0.6, cells + 1)
    x, y = np.meshgrid(side, side)
    vertices = np.stack((x, y, 0.1 * np.sin(9 * x) * np.cos(7 * y)), axis=-1).reshape(-1, 3)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    right, up = corner + 1, corner + cells + 1
    faces = np.concatenate((np.stack((corner, right, up), 1), np.stack((right, up + 1, up), 1)))
    return vertices, faces.astype(np.int32)

def resident():
    gc.collect()
    return psutil.Process().memory_info().rss

def peak():  # not getrusage's, which after a fork and an exec still counts what the parent had
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
"""
GROWTH = """
for k in range(500):
    if k == 100:
        before = resident()
    render_views(*sheet(20 + k % 7), rig[k % 10 : k % 10 + 1], shading, backend=sys.argv[1], samples=(1, 4)[k % 2])
print(resident() - before)
"""
PEAK = """
vertices, faces = sheet(510)
assert len(faces) > 519_453, "the largest upper of Teeth3DS"
render_views(vertices, faces, rig, shading, backend=sys.argv[1], samples=4)
print(peak())
"""


def measured(code: str, backend: str, project: Path) -> int:
    command = [sys.executable, "-c", HEAD + code, backend]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.fixture(params=["numba", pytest.param("pyrender", marks=pytest.mark.gl)])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "pyrender":
        from renderers import opengl

        works, reason = opengl.available()
        if not works:
            pytest.skip(reason)
    return request.param


def test_memory_stays_flat_over_many_meshes(backend: str, project: Path) -> None:
    assert measured(GROWTH, backend, project) < 5 * MEGABYTE


def test_the_largest_scans_take_under_one_and_a_half_gigabytes(backend: str, project: Path) -> None:
    assert measured(PEAK, backend, project) < 1500 * MEGABYTE
