"""render: the ten views of every prepared jaw as PNGs in Parquet shards, contact sheets and the cameras.

The views are columns of PNGs: `views`, and one for each of the chosen passes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import ScanError
from scans.seeds import generator
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.prepared import read_meshes
from scans.shards.views import ViewsCase, read_views, write_views
from stages import store
from stages.compute import map_ordered
from stages.params import Params
from stages.params import Render as RenderParams
from stages.progress import say
from stages.workspace import PREPARED, VIEWS, whole_folder

if TYPE_CHECKING:
    import numpy as np

    from renderers.cameras import Camera
    from renderers.shading import ColourShading, Shading

CASES_ON_A_SHEET = 12


def run(params: Params) -> None:
    """Fill data/views from data/prepared, shard by shard, with the same file names and case order."""
    from renderers.cameras import transforms_json

    with whole_folder(VIEWS) as folder:
        tasks = [
            _Shard(source, folder / source.name, params.render, params.compute.egl_device)
            for split in SPLITS
            for source in shard_paths(PREPARED, split)
        ]
        for _ in map_ordered(_make_shard, tasks, workers=params.compute.workers, what="rendering shards"):
            pass
        _write_contact_sheets(folder)
        cameras = _cameras(params.render)
        names = [f"view_{number:02d}.png" for number in range(len(cameras))]
        transforms = json.dumps(transforms_json(cameras, names), indent=1)
        (folder / "transforms.json").write_text(transforms + "\n", encoding="utf-8")
    store.prune(params.compute.store_gigabytes)
    say(f"render: {len(tasks)} shards in {VIEWS}; look at {VIEWS}/contact_sheet_*.png")


@dataclass(frozen=True)
class _Shard:
    source: Path
    target: Path
    render: RenderParams
    egl_device: int


def _make_shard(shard: _Shard) -> None:
    settings = shard.render.model_dump(mode="json")
    name = store.key("render", params=settings, source=store.file_digest(shard.source))
    store.make(name, shard.target, lambda path: _render_shard(shard, path))


def _render_shard(shard: _Shard, path: Path) -> None:
    from renderers import opengl
    from renderers.cameras import camera_array
    from renderers.passes import depth_step, render_passes
    from renderers.render import render_views
    from scans.png import encode_png

    opengl.choose_device(shard.egl_device)
    render = shard.render
    cameras = _cameras(render)
    packed = camera_array(cameras)
    step = depth_step(cameras)

    def cases() -> Iterator[ViewsCase]:
        for case_id, split, mesh in read_meshes(shard.source):
            try:
                images = render_views(
                    mesh.vertices,
                    mesh.faces,
                    cameras,
                    _shading(render, case_id),
                    backend=render.backend,
                    samples=render.samples,
                    labels=mesh.labels,
                )
                passes = render_passes(mesh.vertices, mesh.faces, cameras, passes=render.passes, labels=mesh.labels)
            except ScanError as error:
                raise ScanError(f"{shard.source}, case {case_id}: {error}") from error
            pictures = {name: [encode_png(_pass_picture(name, each, step)) for each in passes[name]] for name in passes}
            yield ViewsCase(case_id, split, [encode_png(image) for image in images], packed, pictures)

    size = render.image_size
    metadata = {"views": {"shape": [len(cameras), size, size]}, "params": render.model_dump(mode="json")}
    what = {
        "depth": {"unit": "jaw radii along the camera's axis", "step": step, "background": 0},
        "normals": {"frame": "normalised", "value": "128 + 127 n", "background": 0},
        "labels": {"numbers": "FDI, 0 gingiva", "background": 255},
    }
    metadata["passes"] = {name: what[name] for name in render.passes}
    write_views(path, cases(), packed.shape, metadata, render.passes)


def _shading(render: RenderParams, case_id: str) -> "Shading | ColourShading":
    from renderers.colour import random_look
    from renderers.shading import Shading

    if render.style == "colour":
        chance = generator(render.seed, f"{case_id}/look")
        return random_look(chance, light=render.light, background=render.background)
    # The material that pyrender gives a mesh without one.
    return Shading(base_color=0.3, metallic=0.2, roughness=0.8, light=render.light, background=render.background)


def _pass_picture(name: str, values: "np.ndarray", step: float) -> "np.ndarray":
    from renderers.passes import depth_picture, normals_picture

    if name == "depth":
        return depth_picture(values, step)
    return normals_picture(values) if name == "normals" else values


def _write_contact_sheets(folder: Path) -> None:
    from itertools import chain, islice

    from renderers.contact_sheet import contact_sheet
    from scans.png import decode_png, encode_png

    for split in SPLITS:
        paths = shard_paths(folder, split)
        cases = list(islice(chain.from_iterable(map(read_views, paths)), CASES_ON_A_SHEET))
        if cases:
            images = {case.id: [decode_png(png, case.id) for png in case.views] for case in cases}
            (folder / f"contact_sheet_{split}.png").write_bytes(encode_png(contact_sheet(images)))


def _cameras(render: RenderParams) -> "list[Camera]":
    from renderers.cameras import ring_rig

    return ring_rig(
        ring_views=9,
        elevation=render.elevation,
        distance=render.distance,
        field_of_view=render.field_of_view,
        image_size=render.image_size,
        order=render.order,
    )
