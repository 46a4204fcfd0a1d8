"""render: the views of every prepared jaw as PNGs in Parquet shards, with cameras and contact sheets.

PNGs are in column `views`, and in one column for each of `render.passes`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import ScanError
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.prepared import read_meshes
from scans.shards.views import ViewsCase, read_views, write_views
from stages.params.tree import Params, RenderParams
from stages.per_case.render_case import case_cameras, rig_of, shading_of
from stages.runtime import store
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import say
from stages.runtime.workspace import PREPARED, VIEWS, atomic_folder

if TYPE_CHECKING:
    import numpy as np

    from scans.cameras import Camera

CASES_ON_A_SHEET = 12


def run(params: Params) -> None:
    """Fill data/views from data/prepared, shard by shard, with the same file names and case order."""
    from renderers.rigs.transforms import transforms_json

    rig = rig_of(params.render)
    with atomic_folder(VIEWS) as folder:
        tasks = [
            _Shard(source, folder / source.name, params.render, rig, params.compute.egl_device)
            for split in SPLITS
            for source in shard_paths(PREPARED, split)
        ]
        for _ in map_ordered(_make_shard, tasks, compute=params.compute, what="rendering shards"):
            pass
        _write_contact_sheets(folder)
        names = [f"view_{number:02d}.png" for number in range(len(rig))]
        transforms = json.dumps(transforms_json(rig, names), indent=1)
        (folder / "transforms.json").write_text(transforms + "\n", encoding="utf-8")
    store.prune(params.compute.store_gigabytes)
    say(f"render: {len(tasks)} shards in {VIEWS}; look at {VIEWS}/contact_sheet_*.png")


@dataclass(frozen=True)
class _Shard:
    source: Path
    target: Path
    render: RenderParams
    rig: "list[Camera]"
    egl_device: int


def _make_shard(shard: _Shard) -> None:
    from scans.cameras import camera_array

    settings = shard.render.model_dump(mode="json")
    cameras = camera_array(shard.rig).tolist()  # the params hold the rig's file name, not its content
    name = store.key("render", params=settings, cameras=cameras, source=store.file_digest(shard.source))
    store.make(name, shard.target, lambda path: _render_shard(shard, path))


def _render_shard(shard: _Shard, path: Path) -> None:
    from renderers import opengl
    from renderers.passes import depth_step, render_passes
    from renderers.render import render_views
    from scans.cameras import camera_array
    from scans.shards.png import encode_png

    opengl.choose_device(shard.egl_device)
    render = shard.render
    step = depth_step(shard.rig)

    def cases() -> Iterator[ViewsCase]:
        for case_id, split, mesh in read_meshes(shard.source):
            cameras, shown = case_cameras(shard.rig, render, case_id, split, mesh.vertices)
            chosen = [cameras[number] for number in shown]
            try:
                images = render_views(
                    mesh.vertices,
                    mesh.faces,
                    chosen,
                    shading_of(render, case_id),
                    backend=render.backend,
                    samples=render.samples,
                    labels=mesh.labels,
                )
                passes = render_passes(mesh.vertices, mesh.faces, chosen, passes=render.passes, labels=mesh.labels)
            except ScanError as error:
                raise ScanError(f"{shard.source}, case {case_id}: {error}") from error
            columns = {"views": images} | {
                name: [_pass_picture(name, each, step) for each in values] for name, values in passes.items()
            }
            pngs = {
                name: {number: encode_png(picture) for number, picture in zip(shown, pictures, strict=True)}
                for name, pictures in columns.items()
            }
            # An absent view is null.
            files = {name: [own.get(number) for number in range(len(cameras))] for name, own in pngs.items()}
            yield ViewsCase(case_id, split, files.pop("views"), camera_array(cameras), files)

    width = shard.rig[0].width if render.crop == "none" else render.image_size
    metadata = {
        "views": {"shape": [len(shard.rig), render.image_size, width], "crop": render.crop},
        "params": render.model_dump(mode="json"),
    }
    what = {
        "depth": {"unit": "jaw radii along the camera's axis", "step": step, "background": 0},
        "normals": {"frame": "normalised", "value": "128 + 127 n", "background": 0},
        "labels": {"numbers": "FDI, 0 gingiva", "background": 255},
    }
    metadata["passes"] = {name: what[name] for name in render.passes}
    write_views(path, cases(), camera_array(shard.rig).shape, metadata, render.passes)


def _pass_picture(name: str, values: "np.ndarray", step: float) -> "np.ndarray":
    from renderers.passes import depth_picture, normals_picture

    if name == "depth":
        return depth_picture(values, step)
    return normals_picture(values) if name == "normals" else values


def _write_contact_sheets(folder: Path) -> None:
    from itertools import chain, islice

    from renderers.contact_sheet import contact_sheet
    from scans.shards.png import decode_png, encode_png

    for split in SPLITS:
        paths = shard_paths(folder, split)
        cases = list(islice(chain.from_iterable(map(read_views, paths)), CASES_ON_A_SHEET))
        if cases:
            images = {case.id: [decode_png(png, case.id) if png else None for png in case.views] for case in cases}
            (folder / f"contact_sheet_{split}.png").write_bytes(encode_png(contact_sheet(images)))
