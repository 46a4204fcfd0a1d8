"""render: the views of every prepared jaw as PNGs in Parquet shards, contact sheets and the cameras.

The views are columns of PNGs: `views`, and one for each of the chosen passes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import ScanError, UserError
from scans.seeds import generator
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.prepared import read_meshes
from scans.shards.views import ViewsCase, read_views, write_views
from stages import store
from stages.compute import map_ordered
from stages.params import Params
from stages.params import Render as RenderParams
from stages.progress import say
from stages.workspace import PREPARED, RIGS, VIEWS, whole_folder

if TYPE_CHECKING:
    import numpy as np

    from renderers.cameras import Camera
    from renderers.shading import ColourShading, Shading

CASES_ON_A_SHEET = 12


def run(params: Params) -> None:
    """Fill data/views from data/prepared, shard by shard, with the same file names and case order."""
    from renderers.transforms import transforms_json

    rig = rig_of(params.render)
    with whole_folder(VIEWS) as folder:
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
    from renderers.cameras import camera_array

    settings = shard.render.model_dump(mode="json")
    cameras = camera_array(shard.rig).tolist()  # the params name a file, not what is in it
    name = store.key("render", params=settings, cameras=cameras, source=store.file_digest(shard.source))
    store.make(name, shard.target, lambda path: _render_shard(shard, path))


def _render_shard(shard: _Shard, path: Path) -> None:
    from renderers import opengl
    from renderers.cameras import camera_array
    from renderers.passes import depth_step, render_passes
    from renderers.render import render_views
    from scans.png import encode_png

    opengl.choose_device(shard.egl_device)
    render = shard.render
    step = depth_step(shard.rig)

    def cases() -> Iterator[ViewsCase]:
        for case_id, split, mesh in read_meshes(shard.source):
            cameras, shown = _cameras(shard.rig, render, case_id)
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
            # A view that is absent keeps its place.
            files = {name: [own.get(number) for number in range(len(cameras))] for name, own in pngs.items()}
            yield ViewsCase(case_id, split, files.pop("views"), camera_array(cameras), files)

    shape = [len(shard.rig), shard.rig[0].height, shard.rig[0].width]
    metadata = {"views": {"shape": shape}, "params": render.model_dump(mode="json")}
    what = {
        "depth": {"unit": "jaw radii along the camera's axis", "step": step, "background": 0},
        "normals": {"frame": "normalised", "value": "128 + 127 n", "background": 0},
        "labels": {"numbers": "FDI, 0 gingiva", "background": 255},
    }
    metadata["passes"] = {name: what[name] for name in render.passes}
    write_views(path, cases(), camera_array(shard.rig).shape, metadata, render.passes)


def shading_of(render: RenderParams, case_id: str) -> "Shading | ColourShading":
    """Material and light of a case's pictures."""
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
            images = {case.id: [decode_png(png, case.id) if png else None for png in case.views] for case in cases}
            (folder / f"contact_sheet_{split}.png").write_bytes(encode_png(contact_sheet(images)))


def rig_of(render: RenderParams) -> "list[Camera]":
    """The cameras of all cases, before each case's jitter."""
    import numpy as np

    from renderers.rig_files import read_rig
    from renderers.rigs import NEAREST, ring_rig

    if render.rig == "ring":
        rig = ring_rig(
            ring_views=9,
            elevation=render.elevation,
            distance=render.distance,
            field_of_view=render.field_of_view,
            image_size=render.image_size,
            order=render.order,
        )
    else:
        rig = read_rig(RIGS / render.rig, image_size=render.image_size)
    if render.views and max(render.views) >= len(rig):
        raise UserError(f"render.views: no view {max(render.views)}; the rig {render.rig} has 0 to {len(rig) - 1}")
    if render.views_per_case > (shown := len(render.views or rig)):
        raise UserError(f"render.views_per_case: {render.views_per_case} of {shown} views can't be drawn")
    nearest = min(np.linalg.norm(camera.position) for camera in rig) * (1 - render.jitter.distance)
    if nearest < NEAREST:
        raise UserError(
            f"render.jitter.distance: cameras could come within {nearest:.2f} jaw radii of the centre, into the jaw; "
            f"lower it, or place the rig {render.rig} farther away"
        )
    return rig


def _cameras(rig: "list[Camera]", render: RenderParams, case_id: str) -> "tuple[list[Camera], list[int]]":
    """A case's cameras, one per camera of the rig, and the numbers of those whose views it shows."""
    from renderers.rigs import jittered

    chance = generator(render.seed, case_id)
    cameras = jittered(rig, chance, **render.jitter.model_dump())
    shown = sorted(render.views) or list(range(len(rig)))
    if render.views_per_case:
        shown = sorted(chance.choice(shown, render.views_per_case, replace=False).tolist())
    return cameras, shown
