"""The numba rasteriser without anti-aliasing against stored pictures of pyrender over OSMesa."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from scans.cameras import Camera, look_at_origin
from scans.shards.png import decode_png

spec = importlib.util.spec_from_file_location("scenes", Path(__file__).parent / "osmesa" / "scenes.py")
scenes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scenes)


@pytest.mark.parametrize("view", [0, 1])
@pytest.mark.parametrize("name", scenes.SCENES)
def test_the_pixels_of_osmesa(name: str, view: int, shading: Shading) -> None:
    mesh, positions, fov = scenes.SCENES[name]
    focal, middle = scenes.SIZE / 2 / math.tan(math.radians(fov) / 2), scenes.SIZE / 2
    camera = Camera(
        transform=look_at_origin(positions[view], up=(0, 0, 1)),
        fx=focal,
        fy=focal,
        cx=middle,
        cy=middle,
        width=scenes.SIZE,
        height=scenes.SIZE,
    )
    path = scenes.picture_path(name, view)
    theirs = decode_png(path.read_bytes(), path.name)
    (ours,) = render_views(*mesh, [camera], shading, backend="numba", samples=1)
    union = (ours < 255) | (theirs < 255)
    assert union.mean() > 0.05
    assert np.abs(ours.astype(int) - theirs)[union].mean() <= 1
    assert ((ours < 255) & (theirs < 255)).sum() / union.sum() >= 0.998
