"""Open surfaces as solids, checked by trimesh and by libigl."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from scipy.ndimage import gaussian_filter

from scans.mesh import Mesh
from scans.modelling.parts import area, joined, some_faces, volume
from scans.modelling.solid import BASE_MM, solid
from scans.surface_nets import surface_nets

igl = pytest.importorskip("igl")
predicates = pytest.importorskip("igl.predicates")


def checked(mesh: Mesh) -> Mesh:
    """The mesh, a closed, oriented manifold that nowhere crosses itself."""
    faces = mesh.faces.astype(np.int64)
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert whole.is_watertight
    assert whole.is_winding_consistent
    assert np.all(igl.is_edge_manifold(faces)[0])
    assert np.all(igl.is_vertex_manifold(faces))
    assert whole.volume == pytest.approx(volume(mesh))
    _, crossing, _ = predicates.find_self_intersections(mesh.vertices, faces)
    assert len(crossing) == 0
    return mesh


def test_a_sheet_becomes_a_box(sheet: Callable[..., Mesh]) -> None:
    box, said = solid(sheet(5))
    checked(box)
    assert volume(box) == pytest.approx(25 * BASE_MM)
    assert box.vertices[:, 2].min() == -BASE_MM
    assert set(box.labels[box.vertices[:, 2] < 0].tolist()) == {0}
    assert said == ["walls from the border down to a flat base, 2 mm below the lowest point"]


def test_the_base_of_a_horseshoe_is_one(horseshoe: Mesh) -> None:
    body, _ = solid(horseshoe)
    checked(body)
    assert volume(body) == pytest.approx(area(horseshoe) * BASE_MM)


def test_holes_are_filled_and_specks_dropped(sheet: Callable[..., Mesh]) -> None:
    speck = Mesh(
        np.array([[9, 9, 9], [9.4, 9, 9], [9, 9.5, 9]], float), np.array([[0, 1, 2]], np.int32), np.zeros(3, "u1")
    )
    box, said = solid(joined([sheet(5, ((2, 2),)), speck]))
    checked(box)
    assert volume(box) == pytest.approx(25 * BASE_MM)
    assert said[:2] == ["1 speck dropped, the largest of 0.1 mm²", "1 hole filled"]


def test_a_rim_that_looks_down_is_cut_off(cubes: Callable[..., Mesh]) -> None:
    cube = cubes((0, 0, 0))
    middle = cube.vertices[cube.faces].mean(axis=1)
    below = np.flatnonzero(middle[:, 2] == 0)
    half_open = some_faces(cube, np.arange(len(cube.faces)) != below[0])  # half of its bottom is there
    box, _ = solid(half_open)
    checked(box)
    assert volume(box) == pytest.approx(1 + BASE_MM)


def test_a_border_that_crosses_itself_from_above_is_trimmed(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(8)
    flap = mesh.vertices.copy()
    flap[(flap[:, 0] == 8) & (flap[:, 1] == 4)] += (-2.5, 1.3, 1.5)  # a corner of the border folded back over the sheet
    box, _ = solid(Mesh(flap, mesh.faces, mesh.labels))
    checked(box)
    assert 50 * BASE_MM < volume(box) < 64 * (BASE_MM + 1.5)


def test_a_closed_surface_stays_closed_and_looks_outward(tetrahedron: Mesh) -> None:
    inside_out = Mesh(tetrahedron.vertices, tetrahedron.faces[:, ::-1].copy(), tetrahedron.labels)
    for mesh in (tetrahedron, inside_out):
        body, said = solid(mesh)
        checked(body)
        assert volume(body) == pytest.approx(1 / 3)
        assert said == []


def test_two_parts_stand_on_one_floor(sheet: Callable[..., Mesh]) -> None:
    other = sheet(5)
    other = Mesh(other.vertices + np.array([10, 0, 3]), other.faces, other.labels)
    both, _ = solid(joined([sheet(5), other]))
    checked(both)
    assert volume(both) == pytest.approx(25 * BASE_MM + 25 * (BASE_MM + 3))


def test_the_wildest_surface_becomes_a_manifold() -> None:
    """The zero set of noise, which touches itself in hundreds of places and is open all around."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(14, 14, 10)), 0.7).astype(np.float32)
    vertices, faces = surface_nets(noise)
    wild = Mesh(vertices.astype(float), faces)
    assert not trimesh.Trimesh(wild.vertices, wild.faces, process=False).is_watertight
    body, _ = solid(wild)
    whole = trimesh.Trimesh(body.vertices, body.faces, process=False)
    assert whole.is_watertight
    assert whole.is_winding_consistent
    assert np.all(igl.is_vertex_manifold(body.faces.astype(np.int64)))
    assert trimesh.Trimesh(body.vertices.astype(np.float32), body.faces).is_watertight, "nothing coincides"
