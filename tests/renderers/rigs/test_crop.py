from dataclasses import replace

import numpy as np
import pytest

from renderers.passes import render_passes
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.crop import MARGIN, MOST_OBLONG, crop_box, crop_camera, crop_to_silhouettes, whole_box
from renderers.rigs.rigs import ring_rig
from scans.cameras import Camera, camera_array, project
from scans.mesh import Mesh

GREY = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
RIG = ring_rig(ring_views=9, elevation=20.0, distance=3.0, field_of_view=40.0, image_size=64, order=range(10))


def camera(**changes: float) -> Camera:
    """100 × 100 pixels, looking down on the origin from 2 above it; a unit there is 50 pixels."""
    transform = np.eye(4)
    transform[2, 3] = 2.0
    lens = {"fx": 100.0, "fy": 100.0, "cx": 50.0, "cy": 50.0, "width": 100, "height": 100}
    return Camera(transform=transform, **lens | changes)  # type: ignore[arg-type]


@pytest.fixture
def plate() -> Mesh:
    """A rectangle of 1 × 0.6 in the plane z = 0, off the middle: 50 × 30 pixels of `camera`."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 0.6, 0], [0, 0.6, 0]], float) - [0.2, 0.1, 0]
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def test_the_silhouette_fills_the_picture_but_for_the_margin(plate: Mesh) -> None:
    (cropped,) = crop_to_silhouettes([camera()], plate.vertices, 32)
    assert (cropped.width, cropped.height) == (32, 32)
    uv, _ = project(plate.vertices, camera_array([cropped])[0])
    np.testing.assert_allclose(uv.min(axis=0), 32 * MARGIN, atol=1e-9)
    np.testing.assert_allclose(uv.max(axis=0), 32 * (1 - MARGIN), atol=1e-9)
    assert cropped.fy / cropped.fx == pytest.approx(50 / 30)
    # Row 25 and column 40 of the whole picture are the rectangle's corner; the margin there is 30 or 50 / 0.94 × 0.03.
    assert (cropped.cx, cropped.cy) == pytest.approx(
        ((50 - 40) / 50 * 0.94 * 32 + 0.96, (50 - 25) / 30 * 0.94 * 32 + 0.96)
    )


def test_all_views_of_a_jaw_are_filled_on_two_sides_at_least() -> None:
    vertices = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [0.6, 0.5, 0.02]
    for whole, cropped in zip(RIG, crop_to_silhouettes(RIG, vertices, 64), strict=True):
        uv, _ = project(vertices, camera_array([cropped])[0])
        spans = np.ptp(uv, axis=0) / 64
        assert spans.max() == pytest.approx(1 - 2 * MARGIN)
        assert 1 / MOST_OBLONG - 1e-9 <= cropped.fy / cropped.fx <= MOST_OBLONG + 1e-9
        np.testing.assert_array_equal(cropped.transform, whole.transform)


def test_a_long_box_is_not_stretched_beyond_the_limit() -> None:
    left, top, right, bottom = crop_box((3, 50, 97, 52), camera())
    assert (left, right) == pytest.approx((0, 100))
    assert bottom - top == pytest.approx(50)
    assert (top + bottom) / 2 == pytest.approx(51)
    # Of pixels that are twice as wide as high, a box of 4 : 1 is one of 8 : 1.
    left, top, right, bottom = crop_box((10, 50, 50, 60), camera(fx=50.0))
    assert (bottom - top) / (right - left) == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [(0.9, 0), (-1.4, 0), (0, 0.7), (0, -1.0)])
def test_a_jaw_that_the_border_cuts_shows_no_more_than_before(shift: tuple[float, float], plate: Mesh) -> None:
    (cropped,) = crop_to_silhouettes([camera()], plate.vertices + np.array([*shift, 0]), 32)
    for focal, middle, whole in ((cropped.fx, cropped.cx, 50), (cropped.fy, cropped.cy, 50)):
        zoom = focal / 100
        assert whole - middle / zoom >= -1e-9
        assert whole + (32 - middle) / zoom <= 100 + 1e-9


def test_what_shows_nothing_or_stands_in_the_jaw_stays_whole(plate: Mesh) -> None:
    for vertices in (plate.vertices + np.array([5, 0, 0]), plate.vertices * [1, 1, 0] + [0, 0, 1.99]):
        (cropped,) = crop_to_silhouettes([camera()], vertices, 100)
        np.testing.assert_array_equal(camera_array([cropped]), camera_array([camera()]))


def test_a_cropped_picture_is_the_part_of_a_finer_whole_one(tetrahedron: Mesh) -> None:
    """Twice as fine along the rows, four times along the columns: the same rays, the same light, the same maps."""
    fine = camera(fx=400.0, fy=200.0, cx=200.0, cy=100.0, width=400, height=200)
    part = crop_camera(fine, (136, 68, 264, 196), 128)
    jaw = {"vertices": tetrahedron.vertices, "faces": tetrahedron.faces}
    images = [render_views(**jaw, cameras=[each], shading=GREY, backend="numba", samples=4)[0] for each in (fine, part)]
    assert (images[1] < 255).mean() > 0.3
    np.testing.assert_array_equal(images[1], images[0][68:196, 136:264])
    names = ("depth", "normals", "labels")
    whole, cut = (
        render_passes(**jaw, cameras=[each], passes=names, labels=tetrahedron.labels) for each in (fine, part)
    )
    for name in names:
        np.testing.assert_allclose(cut[name][0], whole[name][0, 68:196, 136:264], atol=1e-9)


def test_a_crop_of_a_whole_box_is_another_size_of_the_same_picture() -> None:
    orthographic = replace(RIG[9], orthographic=True)
    for each in (RIG[3], orthographic):
        np.testing.assert_array_equal(camera_array([crop_camera(each, whole_box(each), 64)]), camera_array([each]))
    points = np.random.default_rng(1).normal(size=(9, 3)) / 3
    small, _ = project(points, camera_array([RIG[3]])[0])
    large, _ = project(points, camera_array([crop_camera(RIG[3], (0, 0, 64, 64), 256)])[0])
    np.testing.assert_allclose(large, 4 * small)
