"""The `pyrender` backend, and the numba rasteriser against it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from renderers import opengl
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans.cameras import Camera, look_at_origin
from scans.synthetic.jaw import make_jaw


@pytest.fixture
def gl() -> None:
    """OpenGL over EGL; the test is skipped where it does not work."""
    works, reason = opengl.available()
    if not works:
        pytest.skip(reason)


@pytest.fixture
def rig224() -> list[Camera]:
    return ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=224, order=range(10))


def in_frame(path: Path, crowns: tuple[int, int, int], incisors: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A scan in the normalised Teeth3DS frame."""
    scan = trimesh.load(path, process=False, force="mesh")
    up, back = np.array(crowns), -np.array(incisors)
    vertices = np.asarray(scan.vertices) @ np.stack((np.cross(back, up), back, up), axis=1)
    vertices = vertices - vertices.mean(axis=0)
    return vertices / np.linalg.norm(vertices, axis=1).max(), np.asarray(scan.faces)


def compare(mesh, cameras: list[Camera], shading: Shading, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Per view: mean absolute difference over the foreground, and intersection over union of the silhouettes.

    A pixel's coverage is what of a white background is missing against a black one. A silhouette holds the pixels that
    are covered by a half or more (a little less, for rounding).
    """
    white, black, coverage = {}, {}, {}
    for backend in ("numba", "pyrender"):
        white[backend] = render_views(*mesh, cameras, shading, backend=backend, samples=samples).astype(int)
        dark = replace(shading, background=0)
        black[backend] = render_views(*mesh, cameras, dark, backend=backend, samples=samples).astype(int)
        coverage[backend] = 255 - (white[backend] - black[backend])
    ours, theirs = coverage["numba"] >= 120, coverage["pyrender"] >= 120
    union = ours | theirs
    difference = np.abs(white["numba"] - white["pyrender"])
    error = [view[foreground].mean() for view, foreground in zip(difference, union, strict=True)]
    return np.array(error), (ours & theirs).sum(axis=(1, 2)) / union.sum(axis=(1, 2))


@pytest.mark.gl
@pytest.mark.usefixtures("gl")
class TestGolden:
    def test_without_anti_aliasing(self, bumpy, rig224: list[Camera], shading: Shading) -> None:
        error, overlap = compare(bumpy, rig224, shading, samples=1)
        assert error.max() <= 1
        assert overlap.min() >= 0.998

    def test_anti_aliased(self, bumpy, rig224: list[Camera], shading: Shading) -> None:
        error, overlap = compare(bumpy, rig224[::3], shading, samples=4)
        assert error.max() <= 4
        assert overlap.min() >= 0.99

    def test_a_synthetic_jaw(self, rig224: list[Camera], shading: Shading) -> None:
        jaw = make_jaw(0, "golden", voxel_mm=0.9)
        vertices = jaw.vertices - jaw.vertices.mean(axis=0)
        whole = vertices / np.linalg.norm(vertices, axis=1).max(), jaw.faces
        for samples, most, least in ((1, 1, 0.998), (4, 4, 0.99)):
            error, overlap = compare(whole, rig224[::3], shading, samples=samples)
            assert error.max() <= most
            assert overlap.min() >= least

    @pytest.mark.parametrize("name", ["open3sdcm_01.ply", "open3sdcm_039.ply"])
    def test_casts(self, shared: Path, name: str, rig224: list[Camera], shading: Shading) -> None:
        cast = in_frame(shared / "scans" / name, crowns=(0, 1, 0), incisors=(0, 0, 1))
        for samples, most, least in ((1, 1, 0.998), (4, 4, 0.99)):
            error, overlap = compare(cast, rig224[::3], shading, samples=samples)
            assert error.max() <= most
            assert overlap.min() >= least

    def test_crowns_alone(self, shared: Path, rig224: list[Camera], shading: Shading) -> None:
        crowns = in_frame(shared / "scans" / "smartee_upper_0.obj", crowns=(0, -1, 0), incisors=(0, 0, 1))
        for samples, most, least in ((1, 1, 0.998), (4, 4, 0.99)):
            error, overlap = compare(crowns, rig224[::3], shading, samples=samples)
            assert error.max() <= most
            assert overlap.min() >= least

    @pytest.mark.parametrize(("samples", "most", "least"), [(1, 1, 0.998), (4, 4, 0.99)])
    def test_open_surface_seen_from_both_sides(
        self, bumpy, rig224: list[Camera], shading: Shading, samples: int, most: float, least: float
    ) -> None:
        vertices, faces = bumpy
        bowl = vertices, faces[vertices[faces][:, :, 2].max(axis=1) < 0.1]
        error, overlap = compare(bowl, rig224[::2], shading, samples=samples)
        assert error.max() <= most
        assert overlap.min() >= least

    def test_any_camera(self, bumpy, shading: Shading) -> None:
        transform = look_at_origin((1.1, 0.5, -0.9), up=(0.3, 1, 0.2))
        camera = Camera(transform=transform, fx=150.0, fy=190.0, cx=60.0, cy=100.0, width=200, height=140)
        error, overlap = compare(bumpy, [camera], shading, samples=1)
        assert error.max() <= 1
        assert overlap.min() >= 0.998

    def test_near_plane(self, shading: Shading) -> None:
        """From inside a room that the near plane cuts."""
        room = trimesh.creation.box(extents=(4, 4, 4)).subdivide()
        transform = look_at_origin((1.2, 1.0, 1.98), up=(0, 1, 0))
        camera = Camera(transform=transform, fx=40.0, fy=40.0, cx=64.0, cy=64.0, width=128, height=128)
        for samples, most in ((1, 1), (4, 4)):
            error, _ = compare((np.asarray(room.vertices), np.asarray(room.faces)), [camera], shading, samples=samples)
            assert error.max() <= most

    def test_parallel_lines_of_sight(self, bumpy, shading: Shading) -> None:
        """pyrender's shader looks from the camera's place all the same: the silhouette is equal, the gloss is not."""
        transform = look_at_origin((1.1, -2.5, 0.9), up=(0, 0, 1))
        figures = {"fx": 70.0, "fy": 80.0, "cx": 60.0, "cy": 75.0, "width": 140, "height": 160}
        camera = Camera(transform=transform, **figures, orthographic=True)
        error, overlap = compare(bumpy, [camera], shading, samples=1)
        assert error.max() <= 2
        assert overlap.min() >= 0.998

    def test_pyrender_as_a_user_scripts_it(self, bumpy, rig224: list[Camera], shading: Shading) -> None:
        opengl.close()
        import pyrender

        scene = pyrender.Scene(bg_color=(1.0, 1.0, 1.0), ambient_light=(0.0, 0.0, 0.0))
        scene.add(pyrender.Mesh.from_trimesh(trimesh.Trimesh(*bumpy, process=False)))
        scene.add(pyrender.PerspectiveCamera(yfov=np.radians(40)), pose=rig224[4].transform)
        scene.add(pyrender.DirectionalLight(intensity=shading.light), pose=rig224[4].transform)
        renderer = pyrender.OffscreenRenderer(224, 224)
        theirs = renderer.render(scene)[0][:, :, 0].astype(int)
        renderer.delete()
        (backend,) = render_views(*bumpy, [rig224[4]], shading, backend="pyrender", samples=4).astype(int)
        (ours,) = render_views(*bumpy, [rig224[4]], shading, backend="numba", samples=4).astype(int)
        assert np.abs(backend - theirs)[theirs < 255].mean() <= 0.05
        assert np.abs(ours - theirs)[theirs < 255].mean() <= 4


@pytest.mark.gl
@pytest.mark.usefixtures("gl")
def test_close_frees_and_the_next_picture_starts_again(bumpy, rig: list[Camera], shading: Shading) -> None:
    first = render_views(*bumpy, rig[:2], shading, backend="pyrender", samples=4)
    opengl.close()
    opengl.close()
    again = render_views(*bumpy, rig[:2], shading, backend="pyrender", samples=4)
    np.testing.assert_array_equal(again, first)


@pytest.mark.gl
@pytest.mark.usefixtures("gl")
def test_sizes_and_samples_may_change(bumpy, rig: list[Camera], rig224: list[Camera], shading: Shading) -> None:
    small = render_views(*bumpy, rig[:1], shading, backend="pyrender", samples=1)
    large = render_views(*bumpy, rig224[:1], shading, backend="pyrender", samples=4)
    assert (small.shape, large.shape) == ((1, 96, 96), (1, 224, 224))
    np.testing.assert_array_equal(render_views(*bumpy, rig[:1], shading, backend="pyrender", samples=1), small)


@pytest.mark.gl
@pytest.mark.usefixtures("gl")
def test_a_device_that_is_not_there_is_named() -> None:
    opengl.choose_device(99)
    try:
        works, reason = opengl.available()
        assert not works
        assert re.search(r"compute\.egl_device: no EGL device 99; this machine has \d", reason)
    finally:
        opengl.choose_device(0)
    assert opengl.available()[0]


@pytest.mark.parametrize("library", ["libEGL.so.1", "libGL.so.1"])
def test_a_missing_library_names_the_system_packages(library: str, project: Path, tmp_path: Path) -> None:
    for name in (library, library.removesuffix(".1")):
        (tmp_path / name).write_text("no library")
    code = "from renderers.opengl import available; print(*available())"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=project, capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("False")
    assert ended.stdout.count("\n") == 1
    for package in ("libegl1", "libgl1", "libgl1-mesa-dri"):
        assert package in ended.stdout
