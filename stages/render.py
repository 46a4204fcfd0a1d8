"""render: the ten views of every prepared jaw as PNGs in Parquet shards, contact sheets and the cameras."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
    from renderers.cameras import Camera

CASES_ON_A_SHEET = 12


def run(params: Params) -> None:
    """Fill data/views from data/prepared, shard by shard, with the same file names and case order."""
    from renderers.cameras import transforms_json

    with whole_folder(VIEWS) as folder:
        tasks = [
            _Shard(source, folder / source.name, params.render)
            for split in SPLITS
            for source in shard_paths(PREPARED, split)
        ]
        for _ in map_ordered(_make_shard, tasks, compute=params.compute, what="rendering shards"):
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


def _make_shard(shard: _Shard) -> None:
    settings = shard.render.model_dump(mode="json")
    name = store.key("render", params=settings, source=store.file_digest(shard.source))
    store.make(name, shard.target, lambda path: _render_shard(shard, path))


def _render_shard(shard: _Shard, path: Path) -> None:
    from renderers.cameras import camera_array
    from renderers.render import render_views
    from renderers.shading import Shading
    from scans.png import encode_png

    cameras = _cameras(shard.render)
    packed = camera_array(cameras)
    # The material that pyrender gives a mesh without one.
    shading = Shading(
        base_color=0.3, metallic=0.2, roughness=0.8, light=shard.render.light, background=shard.render.background
    )

    def cases() -> Iterator[ViewsCase]:
        for case_id, split, mesh in read_meshes(shard.source):
            images = render_views(
                mesh.vertices, mesh.faces, cameras, shading, backend=shard.render.backend, samples=shard.render.samples
            )
            yield ViewsCase(case_id, split, [encode_png(image) for image in images], packed)

    size = shard.render.image_size
    metadata = {"views": {"shape": [len(cameras), size, size]}, "params": shard.render.model_dump(mode="json")}
    write_views(path, cases(), packed.shape, metadata)


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
