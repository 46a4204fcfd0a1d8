"""Cameras, material and light of a case's views."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError
from scans.seeds import generator
from stages.params.tree import RenderParams
from stages.runtime.workspace import RIGS

if TYPE_CHECKING:
    import numpy as np

    from renderers.rasteriser.shading import ColourShading, Shading
    from scans.cameras import Camera


def shading_of(render: RenderParams, case_id: str) -> "Shading | ColourShading":
    """Material and light of a case's views."""
    from renderers.colour import random_look
    from renderers.rasteriser.shading import Shading

    if render.style == "colour":
        rng = generator(render.seed, f"{case_id}/look")
        return random_look(rng, light=render.light, background=render.background)
    # pyrender's default material.
    return Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=render.light, background=render.background)


def rig_of(render: RenderParams, folder: Path = RIGS) -> "list[Camera]":
    """The cameras of all cases, before jitter and crop; `folder` is where camera files lie."""
    from renderers.rigs.rig_files import read_rig
    from renderers.rigs.rigs import NEAREST, ring_rig
    from scans.vectors import norm

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
        rig = read_rig(folder / render.rig, image_size=render.image_size)
    if render.views and max(render.views) >= len(rig):
        raise UserError(f"render.views: no view {max(render.views)}; the rig {render.rig} has 0 to {len(rig) - 1}")
    if render.views_per_case > (shown := len(render.views or rig)):
        raise UserError(f"render.views_per_case: {render.views_per_case} of {shown} views can't be chosen")
    nearest = float(min(norm(camera.position) for camera in rig)) * (1 - render.jitter.distance)
    if nearest < NEAREST:
        raise UserError(
            f"render.jitter.distance: cameras could come within {nearest:.2f} jaw radii of the centre, into the jaw; "
            f"lower it, or place the rig {render.rig} farther away"
        )
    return rig


def case_cameras(
    rig: "list[Camera]", render: RenderParams, case_id: str, split: str, vertices: "np.ndarray"
) -> "tuple[list[Camera], list[int]]":
    """A case's cameras, one per camera of the rig, and the numbers of the views to render; vertices are its mesh's."""
    from renderers.rigs.rigs import jittered

    rng = generator(render.seed, case_id)
    bounds = render.jitter.model_dump(exclude={"splits"})
    # Drawn in any case, so that the views that are chosen afterwards are the same.
    cameras = jittered(rig, rng, **bounds if split in render.jitter.splits else dict.fromkeys(bounds, 0.0))
    cameras = cropped(cameras, render, vertices)
    shown = sorted(render.views) or list(range(len(rig)))
    if render.views_per_case:
        shown = sorted(rng.choice(shown, render.views_per_case, replace=False).tolist())
    return cameras, shown


def cropped(cameras: "Sequence[Camera]", render: RenderParams, vertices: "np.ndarray") -> "list[Camera]":
    """The cameras of the pictures that `render.crop` leaves of a mesh."""
    from renderers.rigs.crop import crop_to_silhouettes

    return list(cameras) if render.crop == "none" else crop_to_silhouettes(cameras, vertices, render.image_size)
