from dataclasses import replace

import numpy as np
import pytest

from renderers.normals import vertex_normals
from renderers.rasteriser import rasteriser
from renderers.rasteriser.shading import Shading
from scans.cameras import Camera, look_at_origin
from scans.visibility import visibility_buffers


def render(
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, camera: Camera, shading: Shading, *, samples: int
) -> np.ndarray:
    return rasteriser.render(vertices, faces, normals, np.empty(0), [camera], shading, samples=samples)[0]


def picture(mesh: tuple[np.ndarray, np.ndarray], camera: Camera, shading: Shading, samples: int = 1) -> np.ndarray:
    vertices, faces = mesh
    return render(vertices, faces, vertex_normals(vertices, faces), camera, shading, samples=samples)


def test_each_pixel_of_a_plane_has_the_shaders_value(camera: Camera, quad, shading: Shading, grey) -> None:
    image = picture(quad(-5, -5, 21, 21, depth=2.0), camera, shading)
    towards = np.array([0.0, 0.0, 1.0])
    for row in range(16):
        for column in range(16):
            v = -np.array([(column + 0.5 - 8) / 8, (8 - row - 0.5) / 8, -1])
            expected = grey(towards, towards, v / np.linalg.norm(v), light=5.0)
            assert abs(image[row, column] - expected) <= 0.6


def test_each_pixel_of_a_ball_has_the_shaders_value(shading: Shading, grey) -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.8)
    transform = look_at_origin((1.0, -2.0, 1.5), up=(0, 0, 1))
    camera = Camera(transform=transform, fx=60.0, fy=60.0, cx=32.0, cy=32.0, width=64, height=64)
    image = picture((np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int32)), camera, shading)
    errors = []
    for row in range(0, 64, 3):
        for column in range(0, 64, 3):
            ray = camera.rotation @ np.array([(column + 0.5 - 32) / 60, (32 - row - 0.5) / 60, -1])
            ray /= np.linalg.norm(ray)
            along = -camera.position @ ray
            gap = np.linalg.norm(camera.position + along * ray)
            if gap < 0.75:
                hit = camera.position + (along - np.sqrt(0.64 - gap**2)) * ray
                n = hit / np.linalg.norm(hit)
                errors.append(image[row, column] - grey(n, camera.rotation[:, 2], -ray, light=5.0))
    assert len(errors) > 100
    assert np.abs(errors).max() < 1.0


def test_normals_are_interpolated(camera: Camera, quad, shading: Shading, grey) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    normals = np.array([[0, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float64)
    image = render(vertices, faces, normals, camera, shading, samples=1)
    for column in range(16):
        share = (column + 0.5) / 16
        n = np.array([share, 0, 1 - share]) / np.hypot(share, 1 - share)
        v = -np.array([(column + 0.5 - 8) / 8, 0.5 / 8, -1])
        expected = grey(n, np.array([0.0, 0, 1]), v / np.linalg.norm(v), light=5.0)
        assert abs(image[7, column] - expected) <= 0.6


def test_perspective_interpolation(camera: Camera, shading: Shading, grey) -> None:
    # A floor one below the camera; its normals turn with the depth, not with the row.
    vertices = np.array([[-90, -1, -2], [90, -1, -2], [90, -1, -10], [-90, -1, -10]], dtype=np.float64)
    normals = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=np.float64)
    image = render(vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), normals, camera, shading, samples=1)
    for row in (9, 10, 11):
        down = (row + 0.5 - 8) / 8
        share = (1 / down - 2) / 8
        n = np.array([0, 1 - share, share]) / np.hypot(1 - share, share)
        v = -np.array([0.5 / 8, -down, -1])
        expected = grey(n, np.array([0.0, 0, 1]), v / np.linalg.norm(v), light=5.0)
        assert abs(int(image[row, 8]) - expected) < 1.0


def test_both_sides_are_lit_alike(camera: Camera, quad, shading: Shading, rig: list[Camera], bumpy) -> None:
    vertices, faces = quad(2, 2, 13, 13, depth=2.0)
    front = picture((vertices, faces), camera, shading)
    assert front[8, 8] > 150
    np.testing.assert_array_equal(picture((vertices, faces[:, ::-1].copy()), camera, shading), front)
    inside_out = (bumpy[0], bumpy[1][:, ::-1].copy())
    np.testing.assert_array_equal(picture(inside_out, rig[2], shading), picture(bumpy, rig[2], shading))


def test_the_background_is_exact(camera: Camera, quad, shading: Shading) -> None:
    mesh = quad(4, 4, 8, 8, depth=2.0)
    for background in (0, 37, 255):
        image = picture(mesh, camera, replace(shading, background=background), samples=4)
        assert (image[9:] == background).all()


def test_four_samples_are_averaged(camera: Camera, quad, shading: Shading) -> None:
    # Up to the middle of column 8 and of row 4: two of the four samples, and one in the corner.
    image = picture(quad(2, 4.5, 8.5, 12, depth=2.0), camera, shading, samples=4)
    full = picture(quad(-5, -5, 21, 21, depth=2.0), camera, shading, samples=4).astype(int)
    assert image[8, 5] == full[8, 5]
    assert abs(image[8, 8] - (full[8, 8] + 255) / 2) <= 1
    assert abs(image[4, 5] - (full[4, 5] + 255) / 2) <= 1
    assert abs(image[4, 8] - (full[4, 8] + 3 * 255) / 4) <= 1
    assert image[8, 9] == 255


def test_a_face_is_shaded_once_in_the_middle_of_its_samples(camera: Camera, quad, shading: Shading, grey) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    normals = np.array([[0, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float64)
    # Right of column 7.5, two samples of the pixels in column 7 are left, at 7.625 and 7.875.
    cut = vertices.copy()
    cut[[0, 3], 0] += 7.5 / 8 * 2
    cut_normals = normals.copy()
    cut_normals[[0, 3]] = (7.5 / 16, 0, 1 - 7.5 / 16)
    image = render(cut, faces, cut_normals, camera, replace(shading, background=0), samples=4)
    share = 7.75 / 16
    n = np.array([share, 0, 1 - share]) / np.hypot(share, 1 - share)
    # Rows of the two: the first and the third quarter.
    v = -np.array([(7.75 - 8) / 8, (8 - 7 - 0.375) / 8, -1])
    expected = grey(n, np.array([0.0, 0, 1]), v / np.linalg.norm(v), light=5.0) / 2
    assert abs(int(image[7, 7]) - expected) <= 1


def test_parallel_lines_of_sight_see_each_pixel_of_a_plane_alike(camera: Camera, quad, shading: Shading, grey) -> None:
    image = picture(quad(-50, -50, 60, 60, depth=2.0), replace(camera, orthographic=True), shading, samples=4)
    towards = np.array([0.0, 0.0, 1.0])
    assert np.unique(image).size == 1
    assert abs(image[0, 0] - grey(towards, towards, towards, light=5.0)) <= 0.6


def test_a_vertex_without_normal_is_dark_not_an_error(camera: Camera, quad, shading: Shading) -> None:
    vertices, faces = quad(2, 2, 13, 13, depth=2.0)
    image = render(vertices, faces, np.zeros_like(vertices), camera, shading, samples=1)
    assert image[8, 8] < 30


def test_faces_seen_exactly_from_the_side(camera: Camera, shading: Shading) -> None:
    # In a plane through the camera and through the middle of pixel (8, 8), exactly: without snapping they had no area.
    random = np.random.default_rng(0)
    y, depth = random.integers(-64, 64, (200, 3)) / 32, random.integers(33, 256, (200, 3)) / 32
    soup = np.stack((-0.125 * depth - 3 * y, y, -depth), axis=2).reshape(-1, 3)
    faces = np.arange(600, dtype=np.int32).reshape(-1, 3)
    covered = [face for face in faces if next(visibility_buffers(soup, face[None], [camera], samples=1))[0][8, 8] == 0]
    assert covered
    for face in covered:
        render(soup, face[None], np.tile((0.0, 0.0, 1.0), (600, 1)), camera, shading, samples=1)


@pytest.mark.parametrize("samples", [1, 4])
def test_a_picture_through_the_near_plane_is_shaded(camera: Camera, shading: Shading, samples: int) -> None:
    vertices = np.array([[-50, -1, 50], [50, -1, 50], [50, -1, -50], [-50, -1, -50]], dtype=np.float64)
    image = picture((vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)), camera, shading, samples)
    assert (image[:7] == 255).all()
    assert (np.diff(image[9:].astype(int), axis=0) >= 0).all(), "brighter where one looks down steeply"
    assert image[-1].min() < 255
