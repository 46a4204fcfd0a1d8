"""Decimation keeps borders and labels where they are."""

from collections.abc import Callable

import numpy as np

from scans.borders import border_loops
from scans.mesh import Mesh
from scans.modelling.decimate import decimated


def places(mesh: Mesh, numbers: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(place) for place in mesh.vertices[numbers].tolist()}


def test_borders_and_labels_stay_where_they_are(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(20)  # 800 faces, 80 border edges, 20 edges between the two teeth
    fewer, note = decimated(mesh, 300)
    assert note is None
    assert 200 < len(fewer.faces) <= 300
    outlines = [np.concatenate(border_loops(each.faces, len(each.vertices))) for each in (mesh, fewer)]
    assert places(mesh, outlines[0]) == places(fewer, outlines[1])
    left = mesh.vertices[:, 0] == 9  # the last column of 11
    assert places(mesh, np.flatnonzero(left)) <= places(fewer, np.arange(len(fewer.vertices))[fewer.labels == 11])
    assert (fewer.labels == np.where(fewer.vertices[:, 0] < 10, 11, 21)).all()
    assert np.ptp(fewer.vertices[:, 2]) == 0


def test_too_few_faces_for_the_borders_are_told(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(20)
    fewer, note = decimated(mesh, 130)
    assert len(fewer.faces) <= 130
    assert note == "130 faces leave no room for the exact borders between labels"
    fewest, note = decimated(mesh, 30)
    assert len(fewest.faces) >= 78  # a polygon of 80 corners
    assert note == f"{len(fewest.faces)} faces are left in place of 30, for the border keeps its vertices"


def test_a_mesh_with_few_faces_is_returned_as_it_is(tetrahedron: Mesh) -> None:
    assert decimated(tetrahedron, 4) == (tetrahedron, None)
