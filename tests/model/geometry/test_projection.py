from dataclasses import replace

import numpy as np
import pytest
import torch

from model.geometry.projection import project
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from renderers.rigs.rigs import ring_rig
from scans import cameras as numpy_cameras
from scans.cameras import camera_array
from scans.mesh import Mesh


def camera(*, orthographic: bool) -> torch.Tensor:
    """(1, 1, 23): at (0, 0, 3), looking down along -z, with a picture of 64 px and a focal length of 96 px."""
    transform = torch.eye(4)
    transform[2, 3] = 3.0
    focal = 32.0 if orthographic else 96.0
    return torch.cat([transform.flatten(), torch.tensor([focal, focal, 32, 32, 64, 64, orthographic])])[None, None]


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_point_is_seen_where_a_sketch_on_paper_has_it(orthographic: bool) -> None:
    seen = project(torch.tensor([[[0.5, 0.25, 0.0]]]), camera(orthographic=orthographic))
    torch.testing.assert_close(seen.uv[0, 0, 0], torch.tensor([0.5, -0.25]))
    assert seen.depth.item() == 3
    line = torch.tensor([0.0, 0.0, -1.0]) if orthographic else torch.tensor([0.5, 0.25, -3.0])
    torch.testing.assert_close(seen.direction[0, 0, 0], line / line.norm())


def test_points_of_a_surface_fall_on_its_picture(tetrahedron: Mesh) -> None:
    rig = ring_rig(ring_views=9, elevation=20, distance=3.0, field_of_view=40, image_size=64, order=tuple(range(10)))
    shading = Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)
    pictures = render_views(
        tetrahedron.vertices, tetrahedron.faces, rig, shading, backend="numba", samples=1, labels=None
    )
    inside = 0.9 * tetrahedron.vertices  # (4, 3), just behind the corners
    seen = project(torch.from_numpy(inside)[None].float(), torch.from_numpy(camera_array(rig))[None].float())
    columns, rows = ((seen.uv[0] + 1) * 32).long().unbind(-1)  # (10, 4) each
    assert (np.stack(pictures)[np.arange(10)[:, None], rows.numpy(), columns.numpy()] < 255).all()
    upside_down = rows.new_tensor(63) - rows
    assert (np.stack(pictures)[np.arange(10)[:, None], upside_down.numpy(), columns.numpy()] == 255).any()


def test_cameras_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cameras of shape \(B, V, 23\), got \(1, 1, 22\)"):
        project(torch.zeros(1, 1, 3), torch.zeros(1, 1, 22))


@pytest.mark.parametrize("orthographic", [False, True])
def test_numpy_and_torch_project_alike(orthographic: bool) -> None:
    rig = ring_rig(ring_views=9, elevation=20, distance=3.0, field_of_view=40, image_size=64, order=tuple(range(10)))
    rig = [replace(camera, cy=20.0, fx=50.0, width=80, orthographic=orthographic) for camera in rig]
    points, vectors = np.random.default_rng(0).uniform(-1, 1, (50, 3)), camera_array(rig)
    seen = project(torch.from_numpy(points)[None], torch.from_numpy(vectors)[None])
    for view, vector in enumerate(vectors):
        uv, depth = numpy_cameras.project(points, vector)
        np.testing.assert_allclose(seen.uv[0, view].numpy(), 2 * uv / (80, 64) - 1, atol=1e-12)
        np.testing.assert_allclose(seen.depth[0, view].numpy(), depth, atol=1e-12)


def test_numpy_and_torch_clamp_small_depths_alike() -> None:
    behind = np.array([[0.5, 0.25, 3.5], [0.5, 0.25, 3.0]])  # behind the camera, and beside it
    uv, _ = numpy_cameras.project(behind, camera(orthographic=False)[0, 0].double().numpy())
    seen = project(torch.from_numpy(behind)[None], camera(orthographic=False).double())
    np.testing.assert_allclose(seen.uv[0, 0].numpy(), 2 * uv / 64 - 1, rtol=1e-12)
