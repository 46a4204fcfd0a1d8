import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from scans.cameras import Camera
from scans.errors import ScanError, UserError

DIGEST = """
from hashlib import sha256
import numpy as np
from renderers.rigs.rigs import ring_rig
from renderers.render import render_views
from renderers.rasteriser.shading import Shading
random = np.random.default_rng(3)
vertices = random.uniform(-0.6, 0.6, (300, 3))
faces = random.integers(0, 300, (400, 3))
cameras = ring_rig(ring_views=4, elevation=20, distance=3, field_of_view=40, image_size=64, order=range(5))
shading = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
views = [render_views(vertices, faces, cameras, shading, backend="numba", samples=samples) for samples in (1, 4)]
print(sha256(np.concatenate(views).tobytes()).hexdigest())
"""


def test_every_camera_gets_its_picture(bumpy, rig: list[Camera], shading: Shading) -> None:
    views = render_views(*bumpy, rig, shading, backend="numba", samples=4)
    assert views.shape == (10, 96, 96)
    assert views.dtype == np.uint8
    assert len({view.tobytes() for view in views}) == 10
    alone = render_views(*bumpy, [rig[7]], shading, backend="numba", samples=4)
    np.testing.assert_array_equal(alone[0], views[7])


def test_the_kind_of_array_does_not_matter(bumpy, rig: list[Camera], shading: Shading) -> None:
    vertices, faces = np.round(bumpy[0] * 1024) / 1024, bumpy[1]
    views = render_views(vertices, faces, rig[:2], shading, backend="numba", samples=1)
    for kind in (np.int64, np.uint32):
        others = np.asfortranarray(vertices.astype(np.float32)), np.asfortranarray(faces.astype(kind))
        np.testing.assert_array_equal(render_views(*others, rig[:2], shading, backend="numba", samples=1), views)


def test_the_same_bytes_in_other_processes(project: Path) -> None:
    commands = [[sys.executable, "-c", DIGEST]] * 2
    started = [subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) for command in commands]
    digests = {process.communicate()[0] for process in started}
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_the_same_bytes_from_threads(bumpy, rig: list[Camera], shading: Shading) -> None:
    def digest(_: int) -> str:
        return sha256(render_views(*bumpy, rig[:3], shading, backend="numba", samples=4).tobytes()).hexdigest()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(digest, range(8)))) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e10])
def test_coordinates_that_are_no_scan_are_refused(bumpy, rig: list[Camera], shading: Shading, bad: float) -> None:
    vertices = bumpy[0].copy()
    vertices[77, 1] = bad
    with pytest.raises(ScanError, match="coordinates"):
        render_views(vertices, bumpy[1], rig, shading, backend="numba", samples=1)


@pytest.mark.parametrize("bad", [-1, 10_242])
def test_indices_out_of_range_are_refused(bumpy, rig: list[Camera], shading: Shading, bad: int) -> None:
    faces = bumpy[1].copy()
    faces[5, 2] = bad
    with pytest.raises(ScanError, match=f"faces use vertices.*{bad}" if bad < 0 else f"to {bad} of 10242"):
        render_views(bumpy[0], faces, rig, shading, backend="numba", samples=1)


def test_other_shapes_are_refused(bumpy, rig: list[Camera], shading: Shading) -> None:
    vertices, faces = bumpy
    for mesh in ((vertices[:, :2], faces), (vertices, faces[:, :2]), (vertices, faces[:0]), (vertices, faces * 1.0)):
        with pytest.raises(ScanError, match="expected"):
            render_views(*mesh, rig, shading, backend="numba", samples=1)


def test_options_are_checked(bumpy, rig: list[Camera], shading: Shading) -> None:
    with pytest.raises(UserError, match="numba, pyrender, got 'osmesa'"):
        render_views(*bumpy, rig, shading, backend="osmesa", samples=1)
    with pytest.raises(UserError, match="samples: expected 1 or 4"):
        render_views(*bumpy, rig, shading, backend="numba", samples=3)
    for cameras in ([], [rig[0], replace(rig[1], width=95)]):
        with pytest.raises(UserError, match="same picture size"):
            render_views(*bumpy, cameras, shading, backend="numba", samples=1)
