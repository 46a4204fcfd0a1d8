"""On real pictures: a synthetic jaw and an open horseshoe, rendered by the renderer."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from model.geometry.foreground import background_of, foreground
from model.metrics.plausibility import NOISE, Fit, fit, limits, silhouette
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.crop import crop_camera, crop_to_silhouettes
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.mesh import Mesh
from scans.preparing.normalise import center_and_radius, normalise
from scans.sampling.sample_surface import sample_surface
from stages.prediction.crop_picture import crop_picture

RIG = ring_rig(ring_views=9, elevation=20.0, distance=3.0, field_of_view=40.0, image_size=64, order=range(10))
CAMERAS, ALL = camera_array(RIG), np.ones(10, bool)
GREY = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)


@pytest.fixture(scope="module")
def jaw() -> Mesh:
    """A half ring with one side higher than the other, roughly an arch, in the normalised frame."""
    along, across = np.meshgrid(np.linspace(-1.7, 1.7, 60), np.linspace(0, 1, 8), indexing="ij")
    reach, z = 20 + 12 * across, (10 + 2 * along) * np.sin(np.pi * across)
    vertices = np.stack([reach * np.sin(along), -reach * np.cos(along), z], axis=2).reshape(-1, 3)
    corners = np.arange(480).reshape(60, 8)
    a, b, c, d = (part.ravel() for part in (corners[:-1, :-1], corners[1:, :-1], corners[1:, 1:], corners[:-1, 1:]))
    faces = np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)]).astype(np.int32)
    return Mesh(normalise(vertices, *center_and_radius(vertices)), faces)


@pytest.fixture(scope="module")
def views(jaw: Mesh) -> np.ndarray:
    return render_views(jaw.vertices, jaw.faces, RIG, GREY, backend="numba", samples=4)


@pytest.fixture(scope="module")
def crops(jaw: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The same views cropped to the silhouettes, and their cameras."""
    cameras = crop_to_silhouettes(RIG, jaw.vertices, 64)
    return render_views(jaw.vertices, jaw.faces, cameras, GREY, backend="numba", samples=4), camera_array(cameras)


@pytest.fixture(scope="module")
def points(jaw: Mesh) -> np.ndarray:
    return sample_surface(jaw, 20_000, np.random.default_rng(0)).points


def test_the_true_points_fit_their_pictures(points: np.ndarray, views: np.ndarray) -> None:
    found = fit(points, views, ALL, CAMERAS)
    assert found.silhouette_iou > 0.93
    assert found.permutation_gain == 0
    assert found.order == {number: number for number in range(10)}
    assert found.mirror_gain < 0


SPOILT = pytest.mark.parametrize(
    ("spoil", "order"),
    [
        (lambda v: v[:, :, ::-1], None),
        (lambda v: np.concatenate([v[:1], v[8:0:-1], v[9:]]), None),
        (lambda v: np.roll(v, 1, axis=0), {number: (number - 1) % 10 for number in range(10)}),
        (lambda v: v[[0, 2, 1, *range(3, 10)]], {0: 0, 1: 2, 2: 1, **{number: number for number in range(3, 10)}}),
    ],
    ids=["mirror_gain", "the wrong way round", "one too far", "two swapped"],
)


@SPOILT
def test_spoilt_pictures_fit_better_in_another_order(
    spoil: Callable[[np.ndarray], np.ndarray],
    order: dict[int, int] | None,
    points: np.ndarray,
    views: np.ndarray,
) -> None:
    right, wrong = (fit(points, each, ALL, CAMERAS) for each in (views, np.ascontiguousarray(spoil(views))))
    assert limits([right]).allow(right)
    assert not limits([right]).allow(wrong)
    assert wrong.permutation_gain > 2 * NOISE
    if order is None:
        assert wrong.mirror_gain > NOISE
    else:
        assert wrong.order == order


def test_crops_fit_as_their_whole_pictures_do(
    points: np.ndarray, views: np.ndarray, crops: tuple[np.ndarray, np.ndarray]
) -> None:
    whole, cropped = fit(points, views, ALL, CAMERAS), fit(points, crops[0], ALL, crops[1])
    assert cropped.silhouette_iou > whole.silhouette_iou, "for they are finer"
    assert cropped.order == whole.order
    assert cropped.mirror_gain == pytest.approx(whole.mirror_gain, abs=0.05)
    larger = fit(1.3 * points, crops[0], ALL, crops[1])
    assert larger.silhouette_iou < 0.75, "beyond a crop is background, and no jaw"


@SPOILT
def test_spoilt_pictures_are_found_when_they_are_cropped(
    spoil: Callable[[np.ndarray], np.ndarray],
    order: dict[int, int] | None,
    points: np.ndarray,
    views: np.ndarray,
    crops: tuple[np.ndarray, np.ndarray],
) -> None:
    pairs = [crop_picture(view, camera, 64) for view, camera in zip(spoil(views), RIG, strict=True)]
    pictures = np.stack([cv2.resize(picture, (64, 64)) for picture, _ in pairs])
    wrong = fit(points, pictures, ALL, camera_array([camera for _, camera in pairs]))
    assert not limits([fit(points, crops[0], ALL, crops[1])]).allow(wrong)
    assert order is None or wrong.order == order


def test_what_lies_beyond_a_border_that_cuts_the_jaw_is_unknown(points: np.ndarray, views: np.ndarray) -> None:
    """The right half of each picture, with its camera."""
    halves = camera_array([crop_camera(camera, (32, 0, 64, 64), 64) for camera in RIG])
    pictures = np.stack([cv2.resize(view[:, 32:], (64, 64)) for view in views])
    assert fit(points, pictures, ALL, halves).silhouette_iou > 0.85


def test_absent_views_are_left_out(points: np.ndarray, views: np.ndarray) -> None:
    spoilt = views.copy()
    spoilt[[2, 5]] = 255
    view_mask = ALL.copy()
    view_mask[[2, 5]] = False
    found = fit(points, spoilt, view_mask, CAMERAS)
    assert list(found.silhouette_ious) == [0, 1, 3, 4, 6, 7, 8, 9]
    assert found.silhouette_iou > 0.93


def test_a_point_is_seen_where_the_camera_has_it() -> None:
    seen = silhouette(np.array([[0.0, 0, 0], [0, 0, 5]]), CAMERAS[9], 64)  # the second lies behind the top camera
    assert np.argwhere(seen).tolist() == [[32, 32]]


def test_the_background_is_what_the_border_shows_most() -> None:
    picture = np.full((8, 8, 3), (200, 10, 10), np.uint8)
    picture[3:5, 3:6] = 90
    picture[0, :2] = 0
    assert background_of(picture).tolist() == [200, 10, 10]
    assert foreground(picture).sum() == 8


def test_limits_leave_as_much_room_as_the_worst_case_takes() -> None:
    fits = [
        Fit({}, silhouette_iou, permutation_gain, {}, 0.0)
        for silhouette_iou, permutation_gain in ((0.7, 0.01), (0.8, 0.0), (0.9, 0.0))
    ]
    found = limits(fits)
    assert found.silhouette_iou == pytest.approx(0.6 - NOISE)
    assert found.permutation_gain == pytest.approx(0.02 + NOISE)
