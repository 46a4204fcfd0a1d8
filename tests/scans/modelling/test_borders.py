"""Border loops, their caps, and where a polygon crosses itself."""

from collections.abc import Callable

import numpy as np
import trimesh

from scans.borders import border_loops
from scans.mesh import Mesh
from scans.modelling.borders import capped, crossings


def test_a_sheet_has_an_outer_loop_and_one_for_each_hole(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(5, ((2, 2),))
    outer, inner = border_loops(mesh.faces, len(mesh.vertices))
    assert (len(outer), len(inner)) == (20, 4)
    for loop, area in ((outer, 25), (inner, -1)):  # the surface lies to the left
        x, y = mesh.vertices[loop, :2].T
        assert (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 == area


def test_a_cube_without_its_top_is_closed_by_two_faces(cubes: Callable[..., Mesh]) -> None:
    cube = cubes((0, 0, 0))
    top = (cube.vertices[cube.faces][:, :, 2] == 1).all(axis=1)
    open_cube = Mesh(cube.vertices, cube.faces[~top], cube.labels)
    (loop,) = border_loops(open_cube.faces, len(open_cube.vertices))
    closed = capped(open_cube, loop)
    assert len(closed.faces) == 12
    whole = trimesh.Trimesh(closed.vertices, closed.faces, process=False)
    assert whole.is_watertight
    assert whole.volume == 1


def test_a_cut_that_is_an_edge_already_is_not_made_twice() -> None:
    # A square loop 0 1 2 3 below two roofs, whose ridges 0-2 and 1-3 are both edges: only a fan closes it.
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    (loop,) = border_loops(faces, 4)
    closed = capped(Mesh(vertices, faces), loop)
    edges = np.sort(closed.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert len(np.unique(np.sort(closed.faces, axis=1), axis=0)) == len(closed.faces)


def test_crossings_name_the_edges_that_cross() -> None:
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)
    assert crossings(square).tolist() == []
    assert crossings(square[[0, 2, 1, 3]]).tolist() == [0, 1, 2, 3]
    spur = np.array([[0, 0], [4, 0], [4, 4], [3, 4], [3, -1], [2, 4], [0, 4]], float)  # goes below the first edge
    assert crossings(spur).tolist() == [0, 1, 3, 4, 5]
