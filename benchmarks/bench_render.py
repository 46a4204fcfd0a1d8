"""Rendering, one core: the numba rasteriser against pyrender over EGL and OSMesa, a jaw of 261,120 faces at 224 px.

python benchmarks/bench_render.py

A view of a mesh that is loaded, ten views of a new one (normals, buffers, context), and the whole way from an OBJ file
to ten PNG files (pyrender's meshes by trimesh). pyrender takes four samples per pixel over EGL and one over OSMesa. It
is scripted as its users do: a trimesh with smooth normals, one OffscreenRenderer. OSMesa has an environment of its own,
which `make osmesa` makes. Processor time, so that other work on the machine matters less; the best of some turns.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.update(PYGLET_HEADLESS="1", PYOPENGL_PLATFORM="egl", LP_NUM_THREADS="0")
PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

# ruff: noqa: E402
import numpy as np
import table
import trimesh

from renderers.normals import vertex_normals
from renderers.rasteriser import rasteriser
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans.mesh_files.read import read_mesh
from scans.shards.png import encode_png

OSMESA = PROJECT / ".venv-osmesa" / "bin" / "python"
TURNS, SIZE, FIELD_OF_VIEW = 5, 224, 40
CAMERAS = ring_rig(
    ring_views=9, elevation=20, distance=3, field_of_view=FIELD_OF_VIEW, image_size=SIZE, order=range(10)
)
SHADING = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)

Row = tuple[float, float, float, np.ndarray]
"""Milliseconds a view, ten views of a new mesh, and the way from an OBJ to ten PNGs; the ten views."""


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


def best(*actions: Callable[[], object]) -> list[float]:
    """Processor milliseconds of the fastest call of each; they take turns, so that a busy machine slows all alike."""
    seconds = [float("inf")] * len(actions)
    for _ in range(TURNS):
        for number, action in enumerate(actions):
            start = time.process_time()
            action()
            seconds[number] = min(seconds[number], time.process_time() - start)
    return [1e3 * each for each in seconds]


def write_pngs(views: np.ndarray, folder: Path) -> None:
    for number, view in enumerate(views):
        (folder / f"view_{number:02d}.png").write_bytes(encode_png(view))


def numba_row(vertices: np.ndarray, faces: np.ndarray, obj: Path, samples: int) -> Row:
    """The numba rasteriser with one or four samples per pixel."""
    normals = vertex_normals(vertices, faces)

    def pictures(v: np.ndarray = vertices, f: np.ndarray = faces) -> np.ndarray:
        return render_views(v, f, CAMERAS, SHADING, backend="numba", samples=samples)

    def way() -> None:
        mesh = read_mesh(obj)
        write_pngs(pictures(mesh.vertices, mesh.faces), obj.parent)

    views = pictures()
    way()
    ten, jaw, whole = best(
        lambda: rasteriser.render(vertices, faces, normals, np.empty(0), CAMERAS, SHADING, samples=samples),
        pictures,
        way,
    )
    return ten / len(CAMERAS), jaw, whole, views


def egl_row(vertices: np.ndarray, faces: np.ndarray, obj: Path) -> Row:
    """pyrender over EGL."""
    import pyrender

    renderer = pyrender.OffscreenRenderer(SIZE, SIZE)
    views = np.empty((len(CAMERAS), SIZE, SIZE), dtype=np.uint8)

    def scene_of(mesh: trimesh.Trimesh) -> pyrender.Scene:
        scene = pyrender.Scene(bg_color=(1.0, 1.0, 1.0), ambient_light=(0.0, 0.0, 0.0))
        scene.add(pyrender.Mesh.from_trimesh(mesh))
        return scene

    def ten(scene: pyrender.Scene) -> None:
        for view, camera in zip(views, CAMERAS, strict=True):
            nodes = [
                scene.add(pyrender.PerspectiveCamera(yfov=np.radians(FIELD_OF_VIEW)), pose=camera.transform),
                scene.add(pyrender.DirectionalLight(intensity=SHADING.light), pose=camera.transform),
            ]
            view[:] = renderer.render(scene)[0][:, :, 0]
            for node in nodes:
                scene.remove_node(node)

    def way() -> None:
        ten(scene_of(trimesh.load(obj, process=False, maintain_order=True)))
        write_pngs(views, obj.parent)

    loaded = scene_of(trimesh.Trimesh(vertices, faces, process=False))
    ten(loaded)
    times = best(lambda: ten(loaded), lambda: ten(scene_of(trimesh.Trimesh(vertices, faces, process=False))), way)
    renderer.delete()
    return times[0] / len(CAMERAS), times[1], times[2], views.copy()


def osmesa_row(vertices: np.ndarray, faces: np.ndarray, obj: Path) -> Row:
    """pyrender over OSMesa, by benchmarks/osmesa/worker.py in its environment."""
    worker, made = PROJECT / "benchmarks" / "osmesa" / "worker.py", []
    task = {"transforms": np.stack([camera.transform for camera in CAMERAS]), "fov": FIELD_OF_VIEW, "size": SIZE}
    for mesh in ({"vertices": vertices, "faces": faces}, {"obj": str(obj)}):
        given, taken = obj.with_name("in.npz"), obj.with_name("out.npz")
        np.savez(given, **mesh, **task, light=SHADING.light, repeats=TURNS, two_sided=False)
        subprocess.run([OSMESA, worker, given, taken], check=True, env={"PATH": os.environ["PATH"]})
        made.append(dict(np.load(taken)))
    return float(made[0]["view_ms"]), float(made[0]["jaw_ms"]), float(made[1]["jaw_ms"]), made[0]["views"]


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Over the foreground of either, and of the silhouettes."""
    union = (ours < 255) | (theirs < 255)
    overlap = ((ours < 255) & (theirs < 255)).sum() / union.sum()
    return f"MAE {np.abs(ours.astype(int) - theirs)[union].mean():.3f} of 255, pixels touched by both {overlap:.4f}"


def main() -> None:
    vertices, faces = cast()
    print(f"{len(faces):,} faces, {SIZE} px, ten views, one core of {table.machine()}", end="")
    with tempfile.TemporaryDirectory() as folder:
        obj = Path(folder) / "jaw.obj"
        obj.write_text(trimesh.exchange.obj.export_obj(trimesh.Trimesh(vertices, faces, process=False)))
        ours = {samples: numba_row(vertices, faces, obj, samples) for samples in (1, 4)}
        peers: dict[str, tuple[int, Row]] = {}
        if OSMESA.exists():
            peers["pyrender over OSMesa, 1 sample"] = 1, osmesa_row(vertices, faces, obj)
        else:
            print("\nno OSMesa here: make osmesa", end="")
        try:
            peers["pyrender over EGL, 4 samples"] = 4, egl_row(vertices, faces, obj)
        except Exception as error:
            print(f"\npyrender over EGL does not work here: {error}", end="")
        else:
            from renderers import opengl

            print(f"\nEGL: {opengl.available()[1]}", end="")
    print(f"\n\n{'ms':32}{'a view':>10}{'ten views':>12}{'OBJ to PNGs':>14}")
    rows = {f"numba, {samples} sample{'s' * (samples > 1)}": row for samples, row in ours.items()}
    for name, row in (rows | {name: row for name, (_, row) in peers.items()}).items():
        print(f"{name:32}{row[0]:10.2f}{row[1]:12.1f}{row[2]:14.1f}")
    for name, (samples, row) in peers.items():
        for own in (samples, *({1, 4} - {samples})):
            ratios = [theirs / mine for theirs, mine in zip(row[:3], ours[own][:3], strict=True)]
            print(f"\n{name}: numba with {own} sample{'s' * (own > 1)} is faster", end=" ")
            print(f"{ratios[0]:.1f}x a view, {ratios[1]:.1f}x ten views, {ratios[2]:.1f}x OBJ to PNGs", end="")
            print(f"; {difference(ours[own][3], row[3])}" if own == samples else "")
        what = f"a view of {len(faces):,} faces, {SIZE} px, {samples} sample{'s' * (samples > 1)}"
        table.offer(
            table.Row("renderer", what, "ms", ours[samples][0], name, row[0]),
            table.Row("end to end", f"OBJ to ten PNGs, {SIZE} px, ours 4 samples", "ms", ours[4][2], name, row[2]),
        )


if __name__ == "__main__":
    main()
