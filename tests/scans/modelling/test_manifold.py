"""Surfaces that touch themselves come apart as manifolds, checked by trimesh and libigl."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.modelling.manifold import APART_MM, separated

igl = pytest.importorskip("igl")

# Two cubes that touch in an edge, in a vertex, and in an edge whose ends lie on slabs below and above.
ALONG_AN_EDGE = ((0, 0, 0), (1, 1, 0))
IN_A_VERTEX = ((0, 0, 0), (1, 1, 1))
BETWEEN_SLABS = ((0, 0, 1), (1, 1, 1), *((x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 2)))


def is_manifold(mesh: Mesh) -> bool:
    faces = mesh.faces.astype(np.int64)
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    return bool(
        whole.is_watertight
        and whole.is_winding_consistent
        and np.all(igl.is_edge_manifold(faces)[0])
        and np.all(igl.is_vertex_manifold(faces))
    )


@pytest.mark.parametrize("at", [ALONG_AN_EDGE, IN_A_VERTEX, BETWEEN_SLABS])
def test_what_touches_itself_comes_apart(at: tuple, cubes: Callable[..., Mesh]) -> None:
    mesh = cubes(*at)
    assert not is_manifold(mesh)
    apart = separated(mesh)
    assert is_manifold(apart)
    assert abs(trimesh.Trimesh(apart.vertices, apart.faces, process=False).volume - len(at)) < 0.02
    assert np.abs(apart.vertices[: len(mesh.vertices)] - mesh.vertices).max() <= APART_MM
    merged = trimesh.Trimesh(apart.vertices.astype(np.float32), apart.faces)  # vertices at one place become one
    assert merged.is_watertight
    assert len(apart.labels) == len(apart.vertices)


def test_a_manifold_stays_as_it_is(tetrahedron: Mesh) -> None:
    apart = separated(tetrahedron)
    assert np.array_equal(apart.vertices, tetrahedron.vertices)
    assert np.array_equal(apart.faces, tetrahedron.faces)


def test_degenerate_and_repeated_faces_go(tetrahedron: Mesh) -> None:
    faces = np.concatenate([tetrahedron.faces, [[0, 0, 1]], tetrahedron.faces[:1]]).astype(np.int32)
    apart = separated(Mesh(tetrahedron.vertices, faces))
    assert np.array_equal(apart.faces, tetrahedron.faces)
