from dataclasses import replace

import numpy as np
import pytest

from renderers.passes import NO_FACE, PASSES, depth_picture, depth_step, normals_picture, render_passes
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from scans.cameras import Camera
from scans.errors import ScanError


def test_depth_is_along_the_axis(camera: Camera, quad) -> None:
    vertices, faces = quad(2, 2, 10, 10, depth=2.5)
    expected = np.zeros((16, 16))
    expected[2:10, 2:10] = 2.5
    depth = render_passes(vertices, faces, [camera], passes=["depth"])
    assert list(depth) == ["depth"]
    np.testing.assert_allclose(depth["depth"][0], expected, rtol=1e-12)
    parallel = replace(camera, orthographic=True)
    (seen,) = render_passes(vertices, faces, [parallel], passes=["depth"])["depth"]
    np.testing.assert_allclose(seen[seen > 0], 2.5)
    assert (seen > 0).sum() > 64


def test_points_come_back_from_depth(rig: list[Camera], bumpy) -> None:
    for camera in (rig[1], replace(rig[9], orthographic=True, fx=30.0, fy=30.0)):
        (depth,) = render_passes(*bumpy, [camera], passes=["depth"])["depth"]
        rows, columns = np.nonzero(depth)
        along = depth[rows, columns]
        scale = 1.0 if camera.orthographic else along
        right, up = (columns + 0.5 - camera.cx) / camera.fx * scale, (camera.cy - rows - 0.5) / camera.fy * scale
        points = camera.position + np.stack((right, up, -along), axis=1) @ camera.rotation.T
        x, y, z = (points / np.linalg.norm(points, axis=1, keepdims=True)).T
        radius = 0.85 + 0.08 * np.sin(9 * x + 1) * np.cos(7 * y) + 0.06 * np.sin(11 * z + 2 * x)
        off = np.abs(np.linalg.norm(points, axis=1) - radius)
        assert np.median(off) < 1e-3
        assert np.quantile(off, 0.95) < 0.02


def test_normals_face_the_camera_in_the_world_frame(camera: Camera, quad) -> None:
    vertices, faces = quad(2, 2, 10, 10, depth=2.0)
    tilted = vertices * (1, 1, 0) + np.stack((np.zeros(4), np.zeros(4), -2 - vertices[:, 0]), axis=1)
    for mesh_faces in (faces, faces[:, ::-1].copy()):
        (normals,) = render_passes(tilted, mesh_faces, [camera], passes=["normals"])["normals"]
        seen = normals.any(axis=2)
        assert seen.sum() > 20
        np.testing.assert_allclose(normals[seen], np.broadcast_to((0.5**0.5, 0, 0.5**0.5), (seen.sum(), 3)), atol=1e-12)


def test_labels_are_those_of_the_nearest_corner(camera: Camera, quad) -> None:
    vertices, faces = quad(0, 0, 16, 16, depth=2.0)
    labels = np.array([11, 0, 21, 18], dtype=np.uint8)  # bottom left, bottom right, top right, top left
    (shown,) = render_passes(vertices, faces, [camera], passes=["labels"], labels=labels)["labels"]
    assert (shown[15, 0], shown[15, 15], shown[0, 15], shown[0, 0]) == (11, 0, 21, 18)
    assert set(np.unique(shown)) == {0, 11, 18, 21}
    (shown,) = render_passes(*quad(4, 4, 8, 8, depth=2.0), [camera], passes=["labels"], labels=labels)["labels"]
    assert (shown == NO_FACE).sum() == 256 - 16


def test_all_passes_have_the_pictures_foreground(rig: list[Camera], bumpy, shading: Shading) -> None:
    labels = np.full(len(bumpy[0]), 13, dtype=np.uint8)
    made = render_passes(*bumpy, rig[:2], passes=PASSES, labels=labels)
    picture = render_views(*bumpy, rig[:2], replace(shading, background=0), backend="numba", samples=1)
    np.testing.assert_array_equal(made["depth"] > 0, picture > 0)
    np.testing.assert_array_equal(made["labels"] == 13, picture > 0)
    np.testing.assert_allclose(np.linalg.norm(made["normals"], axis=3), picture > 0, atol=1e-12)


def test_labels_must_be_there(camera: Camera, quad) -> None:
    with pytest.raises(ScanError, match="no FDI labels"):
        render_passes(*quad(2, 2, 9, 9, depth=2.0), [camera], passes=["labels"])
    with pytest.raises(ScanError, match=r"labels of \(4,\) uint8"):
        render_passes(*quad(2, 2, 9, 9, depth=2.0), [camera], passes=["labels"], labels=np.zeros(3, np.uint8))


def test_pictures_of_passes(rig: list[Camera]) -> None:
    step = depth_step(rig)
    assert step == 2.0**-12  # cameras 3 away: up to 16
    np.testing.assert_array_equal(depth_picture(np.array([[0, step, 2.5, 99]]), step), [[0, 1, 10240, 65535]])
    normals = np.array([[(0.0, 0, 0), (1, 0, -1), (0, -1, 0)]])
    np.testing.assert_array_equal(normals_picture(normals), [[(0, 0, 0), (255, 128, 1), (128, 1, 128)]])
