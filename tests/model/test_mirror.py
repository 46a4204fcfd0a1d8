import dataclasses

import numpy as np
import pytest
import torch

from model.case import Case
from model.mirror import mirrored
from model.projection import project
from renderers.cameras import camera_array
from renderers.render import render_views
from renderers.rigs import ring_rig
from renderers.shading import Shading
from scans.mesh import UPPER_FDI, Mesh

RIG = ring_rig(ring_views=9, elevation=20, distance=3.0, field_of_view=40, image_size=64, order=tuple(range(10)))
SHADING = Shading(base_color=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)


def seen(mesh: Mesh) -> Case:
    views = render_views(mesh.vertices, mesh.faces, RIG, SHADING, backend="numba", samples=1, labels=None)
    points = mesh.vertices.astype(np.float32)
    return Case(
        id="jaw",
        views=np.array(views),
        present=np.ones(10, bool),
        points=points,
        radius=40.0,
        cameras=camera_array(RIG),
        normals=points / np.linalg.norm(points, axis=1, keepdims=True),
        labels=np.array([11, 27, 38, 0], np.uint8),
    )


def test_the_pictures_are_those_of_the_mirrored_mesh(tetrahedron: Mesh) -> None:
    case = mirrored(seen(tetrahedron))
    other = Mesh(tetrahedron.vertices * [-1, 1, 1], tetrahedron.faces[:, ::-1].copy())
    rendered = seen(other).views
    # The ring runs the other way round: view 0 shows the incisors, view k what view 9 - k shows of the mirrored jaw.
    order = [0, 8, 7, 6, 5, 4, 3, 2, 1, 9]
    assert np.abs(case.views.astype(int) - rendered[order]).mean() < 0.5
    assert case.cameras is not None
    np.testing.assert_allclose(case.cameras, camera_array(RIG)[order], atol=1e-9)


def test_points_stay_where_the_pictures_show_them(tetrahedron: Mesh) -> None:
    case = seen(tetrahedron)
    assert case.cameras is not None
    case.cameras[:, 18] += 5  # a camera whose axis is beside the middle of its picture

    def places(case: Case) -> torch.Tensor:
        return project(torch.from_numpy(case.points)[None], torch.from_numpy(case.cameras)[None].float()).place[0]

    torch.testing.assert_close(places(mirrored(case)), places(case) * torch.tensor([-1.0, 1.0]))


def test_labels_change_sides_and_normals_stay_outward(tetrahedron: Mesh) -> None:
    case = mirrored(seen(tetrahedron))
    assert case.labels is not None
    assert case.normals is not None
    assert case.labels.tolist() == [21, 17, 48, 0]
    np.testing.assert_allclose(
        case.normals, case.points / np.linalg.norm(case.points, axis=1, keepdims=True), atol=1e-6
    )
    every = dataclasses.replace(case, labels=np.array(UPPER_FDI, np.uint8))
    assert sorted(mirrored(every).labels) == sorted(UPPER_FDI)  # type: ignore[arg-type]


def test_mirrored_twice_it_is_the_same_case(tetrahedron: Mesh) -> None:
    case = seen(tetrahedron)
    twice = mirrored(mirrored(case))
    for name in ("views", "cameras", "points", "normals", "labels"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(case, name))


def test_a_case_without_cameras_is_refused(tetrahedron: Mesh) -> None:
    with pytest.raises(ValueError, match="no cameras"):
        mirrored(dataclasses.replace(seen(tetrahedron), cameras=None))
