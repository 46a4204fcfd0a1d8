import math
from dataclasses import replace

import numpy as np
import pytest

from renderers.colour import random_look
from renderers.rasteriser.shading import ColourShading, Shading, grey_table, reflected
from renderers.render import render_views
from scans.cameras import Camera
from scans.errors import ScanError, UserError
from scans.seeds import generator

LOOK = ColourShading(
    gingiva=(0.5, 0.2, 0.1),
    teeth=(0.7, 0.6, 0.5),
    gingiva_roughness=0.3,
    teeth_roughness=0.6,
    direction=(0.6, 0.0, 0.8),
    light=2.0,
    ambient=0.1,
    background=37,
)


def test_each_pixel_of_a_plane_has_the_shaders_value(camera: Camera, quad) -> None:
    vertices, faces = quad(0, 0, 16, 12, depth=2.0)
    for labels, colour, roughness in (
        (np.full(4, 11, np.uint8), LOOK.teeth, 0.6),
        (np.zeros(4, np.uint8), LOOK.gingiva, 0.3),
    ):
        (image,) = render_views(vertices, faces, [camera], LOOK, backend="numba", samples=1, labels=labels)
        assert image.shape == (16, 16, 3)
        assert (image[12:] == 37).all()
        for row, column in ((0, 0), (5, 11), (11, 15)):
            v = -np.array([(column + 0.5 - 8) / 8, (8 - row - 0.5) / 8, -1])
            v /= np.linalg.norm(v)
            for channel in range(3):
                linear = 2.0 * reflected(0.8, v[2], v @ LOOK.direction, colour[channel], 0.0, roughness)
                linear += 0.1 * colour[channel]
                assert image[row, column, channel] == grey_table()[round(65535 * min(linear, 1))]


def test_teeth_blend_into_gingiva(camera: Camera, quad) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    look = replace(LOOK, light=0.0, ambient=0.5)  # base colours alone, without highlights
    (image,) = render_views(
        vertices, faces, [camera], look, backend="numba", samples=4, labels=np.array([11, 0, 0, 12], np.uint8)
    )
    redness = image[8, :, 0].astype(int) - image[8, :, 2]
    assert (np.diff(redness) >= 0).all()
    assert redness[-1] > redness[0] + 30


def test_one_grey_material_is_the_grey_picture(rig: list[Camera], bumpy, shading: Shading) -> None:
    grey = (0.3, 0.3, 0.3)
    look = ColourShading(
        gingiva=grey, teeth=grey, gingiva_roughness=0.8, teeth_roughness=0.8, direction=(0.0, 0.0, 1.0),
        light=5.0, ambient=0.0, background=255,
    )  # fmt: skip
    labels = np.random.default_rng(0).integers(0, 2, len(bumpy[0])).astype(np.uint8)
    colour = render_views(*bumpy, rig[:3], look, backend="numba", samples=4, labels=labels)
    plain = render_views(*bumpy, rig[:3], replace(shading, metallic=0.0), backend="numba", samples=4)
    assert np.abs(colour.astype(int) - plain[..., None]).max() <= 1


def test_looks_differ_by_case_and_come_again() -> None:
    looks = [random_look(generator(0, f"case {number}"), light=5.0, background=255) for number in range(300)]
    assert looks[0] == random_look(generator(0, "case 0"), light=5.0, background=255)
    assert len({look.teeth for look in looks}) == 300
    for look in looks:
        assert math.degrees(math.acos(look.direction[2])) <= 35
        assert look.gingiva[0] > 1.5 * look.gingiva[1]
        assert look.teeth[1] > look.gingiva[1]
        assert 5 / 3 <= look.light <= 10 / 3


def test_what_colour_needs(rig: list[Camera], bumpy) -> None:
    with pytest.raises(ScanError, match="no FDI labels"):
        render_views(*bumpy, rig[:1], LOOK, backend="numba", samples=1)
    with pytest.raises(UserError, match="colour needs numba"):
        render_views(*bumpy, rig[:1], LOOK, backend="pyrender", samples=1, labels=np.zeros(len(bumpy[0]), np.uint8))


@pytest.mark.parametrize(
    ("name", "value"),
    [("teeth", (1.1, 0, 0)), ("gingiva", (0, math.nan, 0)), ("direction", (0, 0, 2)), ("ambient", -1), ("light", -1)],
)
def test_values_out_of_bounds_are_named(name: str, value: object) -> None:
    with pytest.raises(UserError, match=name):
        replace(LOOK, **{name: value})
