"""Rendering, one core: the numba rasteriser against pyrender over EGL, the ten views of a jaw of 261,120 faces.

python benchmarks/bench_render.py

Per view and per mesh (normals; for pyrender also its buffers and the first picture's upload), and both together for ten
views. pyrender always takes four samples per pixel, so samples=2 is its like. It is scripted as its users do: a trimesh
with smooth normals, one OffscreenRenderer. Processor time, so that other work on the machine matters less; the best of
five.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.update(PYGLET_HEADLESS="1", PYOPENGL_PLATFORM="egl", LP_NUM_THREADS="0")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# ruff: noqa: E402
import numba
import numpy as np

from renderers import rasterizer
from renderers.normals import vertex_normals
from renderers.render import render_views
from renderers.rigs import ring_rig
from renderers.shading import Shading

REPEATS, SIZE, FIELD_OF_VIEW = 5, 224, 40
CAMERAS = ring_rig(
    ring_views=9, elevation=20, distance=3, field_of_view=FIELD_OF_VIEW, image_size=SIZE, order=range(10)
)
SHADING = Shading(base_color=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)


def cast() -> tuple[np.ndarray, np.ndarray]:
    """A bumpy jaw: a palate, a ridge of fourteen crowns around it and a skirt, on a polar grid."""
    rings, spokes = 256, 512
    radius, angle = np.meshgrid(np.linspace(0, 1.3, rings), np.arange(spokes) / spokes * 2 * np.pi, indexing="ij")
    ridge = np.exp(-(((np.minimum(radius, 1) - 0.78) / 0.13) ** 2)) * (np.sin(angle) < 0.75)
    crowns = 0.55 + 0.45 * np.sqrt(np.abs(np.cos(9 * angle)))
    height = 0.35 * ridge * crowns + 0.006 * np.sin(60 * radius) * np.cos(40 * angle) - 1.3 * np.maximum(radius - 1, 0)
    flat = np.minimum(radius, 1 + 0.1 * (radius - 1))
    vertices = np.stack((0.8 * flat * np.cos(angle), 0.9 * flat * np.sin(angle), height), axis=2).reshape(-1, 3)
    corner = np.arange(rings * spokes).reshape(rings, spokes)
    inner, outer = corner[:-1], corner[1:]
    following = np.roll(inner, -1, axis=1), np.roll(outer, -1, axis=1)
    quads = np.stack((inner, outer, following[1], inner, following[1], following[0]), axis=2)
    vertices -= vertices.mean(axis=0)
    return vertices / np.linalg.norm(vertices, axis=1).max(), quads.reshape(-1, 3).astype(np.int32)


def best(action: Callable[[], object]) -> float:
    """Processor seconds of the fastest of some calls."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def numba_times(vertices: np.ndarray, faces: np.ndarray, samples: int) -> tuple[float, float, np.ndarray]:
    """Milliseconds per mesh and per view, and the pictures."""
    views = render_views(vertices, faces, CAMERAS, SHADING, backend="numba", samples=samples)
    normals = vertex_normals(vertices, faces)

    def ten() -> None:
        for camera in CAMERAS:
            rasterizer.render(vertices, faces, normals, camera, SHADING, samples=samples)

    whole = best(lambda: render_views(vertices, faces, CAMERAS, SHADING, backend="numba", samples=samples))
    per_view = best(ten) / len(CAMERAS)
    return 1e3 * (whole - per_view * len(CAMERAS)), 1e3 * per_view, views


def pyrender_times(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The same of pyrender over EGL."""
    import pyrender
    import trimesh

    renderer = pyrender.OffscreenRenderer(SIZE, SIZE)
    views = np.empty((len(CAMERAS), SIZE, SIZE), dtype=np.uint8)

    def ten(scene: pyrender.Scene) -> None:
        for view, camera in zip(views, CAMERAS, strict=True):
            nodes = [
                scene.add(pyrender.PerspectiveCamera(yfov=np.radians(FIELD_OF_VIEW)), pose=camera.transform),
                scene.add(pyrender.DirectionalLight(intensity=SHADING.light), pose=camera.transform),
            ]
            view[:] = renderer.render(scene)[0][:, :, 0]
            for node in nodes:
                scene.remove_node(node)

    def scene_of() -> pyrender.Scene:
        scene = pyrender.Scene(bg_color=(1.0, 1.0, 1.0), ambient_light=(0.0, 0.0, 0.0))
        scene.add(pyrender.Mesh.from_trimesh(trimesh.Trimesh(vertices, faces, process=False)))
        return scene

    ten(scene_of())
    whole = best(lambda: ten(scene_of()))
    scene = scene_of()
    ten(scene)
    per_view = best(lambda: ten(scene)) / len(CAMERAS)
    renderer.delete()
    return 1e3 * (whole - per_view * len(CAMERAS)), 1e3 * per_view, views


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    vertices, faces = cast()
    print(f"{len(faces):,} faces, {SIZE} px, ten views, one core of {processor()}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}", end="")
    rows = [(f"numba, samples={samples}", *numba_times(vertices, faces, samples)) for samples in (1, 2)]
    try:
        peer = pyrender_times(vertices, faces)
    except Exception as error:
        print(f"\npyrender over EGL does not work here: {error}")
    else:
        import pyrender

        from renderers import opengl

        print(f", pyrender {pyrender.__version__} on {opengl.available()[1]}")
        rows.append(("pyrender over EGL", *peer))
    print(f"\n{'':24}{'ms a mesh':>12}{'ms a view':>12}{'ms a jaw':>12}{'view ratio':>14}{'jaw ratio':>12}")
    for name, per_mesh, per_view, _ in rows:
        last_mesh, last_view = rows[-1][1:3]
        jaw, last_jaw = per_mesh + 10 * per_view, last_mesh + 10 * last_view
        print(f"{name:24}{per_mesh:12.1f}{per_view:12.2f}{jaw:12.1f}{last_view / per_view:14.1f}{last_jaw / jaw:12.1f}")
    if len(rows) == 3:
        foreground = rows[2][3] < 255
        for name, _, _, views in rows[:2]:
            error = np.abs(views.astype(int) - rows[2][3])[foreground].mean()
            print(f"{name}: mean difference to pyrender over the foreground {error:.2f} of 255")


if __name__ == "__main__":
    main()
