"""Pictures by pyrender over OSMesa, in an environment of its own (requirements.txt; system package libosmesa6).

python worker.py IN.npz OUT.npz

benchmarks/bench_render.py and tests/renderers/osmesa/scenes.py start it. IN: `vertices` (V, 3) and `faces` (F, 3), or
`obj`, the path of a file; `transforms` (views, 4, 4), camera to world; `fov` in degrees, `size` in pixels, `light`,
`repeats`. OUT: `views` (views, H, W) uint8, of the faces from both sides where `two_sided` is set, else as a user
scripts it; `view_ms` and `jaw_ms`, processor time on one core, best of the repeats: a view of a mesh that is loaded,
and all views of a new one (normals, buffers, context; for an OBJ, reading it and writing PNGs).
"""

import os
import sys
import time
from pathlib import Path

os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.update(PYGLET_HEADLESS="1", PYOPENGL_PLATFORM="osmesa", LP_NUM_THREADS="0")

# ruff: noqa: E402
import numpy as np
import PIL.Image
import pyrender
import trimesh


def primitive(mesh: trimesh.Trimesh, two_sided: bool) -> pyrender.Mesh:
    """The mesh, or each of its faces once per side: pyrender's shader leaves back faces black."""
    if not two_sided:
        return pyrender.Mesh.from_trimesh(mesh)
    vertices, faces, normals = np.asarray(mesh.vertices), np.asarray(mesh.faces), np.asarray(mesh.vertex_normals)
    sides = pyrender.Primitive(
        positions=np.concatenate((vertices, vertices)),
        normals=np.concatenate((normals, -normals)),
        indices=np.concatenate((faces, faces[:, ::-1] + len(vertices))),
        material=pyrender.MetallicRoughnessMaterial(
            baseColorFactor=(0.3, 0.3, 0.3, 1.0), metallicFactor=0.2, roughnessFactor=0.8
        ),
    )
    return pyrender.Mesh([sides])


def main() -> None:
    task = np.load(sys.argv[1])
    size, light, fov = int(task["size"]), float(task["light"]), np.radians(float(task["fov"]))
    views = np.empty((len(task["transforms"]), size, size), dtype=np.uint8)
    view_seconds, jaw_seconds = [], []
    for _ in range(int(task["repeats"])):
        start = time.process_time()
        if "obj" in task:
            mesh = trimesh.load(str(task["obj"]), process=False, maintain_order=True)
        else:
            mesh = trimesh.Trimesh(task["vertices"], task["faces"], process=False)
        scene = pyrender.Scene(bg_color=(1.0, 1.0, 1.0), ambient_light=(0.0, 0.0, 0.0))
        scene.add(primitive(mesh, bool(task["two_sided"])))
        # Anew for each mesh: a renderer that is kept under OSMesa leaks.
        renderer = pyrender.OffscreenRenderer(size, size)
        for turn in range(2):
            if turn:
                second = time.process_time()
            for view, pose in zip(views, task["transforms"], strict=True):
                nodes = [
                    scene.add(pyrender.PerspectiveCamera(yfov=fov, znear=0.05, zfar=1e4), pose=pose),
                    scene.add(pyrender.DirectionalLight(intensity=light), pose=pose),
                ]
                view[:] = renderer.render(scene)[0][:, :, 0]
                for node in nodes:
                    scene.remove_node(node)
            if "obj" in task and not turn:
                for number, view in enumerate(views):
                    PIL.Image.fromarray(view).save(Path(sys.argv[2]).with_name(f"view_{number:02d}.png"))
        end = time.process_time()
        renderer.delete()
        view_seconds.append((end - second) / len(views))
        jaw_seconds.append(second - start)
    np.savez(sys.argv[2], views=views, view_ms=1e3 * min(view_seconds), jaw_ms=1e3 * min(jaw_seconds))


if __name__ == "__main__":
    main()
