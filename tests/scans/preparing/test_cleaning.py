from dataclasses import asdict

import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.preparing.cleaning import clean

SIZES = ("vertices_before", "faces_before", "vertices_after", "faces_after")


def joined(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets[:-1], strict=True)]).astype(
            np.int32
        ),
        np.concatenate([mesh.labels for mesh in meshes if mesh.labels is not None]),
    )


def with_faces(mesh: Mesh, faces: list[list[int]], vertices: list[list[float]] = []) -> Mesh:  # noqa: B006
    """The mesh with vertices put in front and faces put in front, which count from the new first vertex."""
    return Mesh(
        np.concatenate([np.reshape(vertices, (-1, 3)), mesh.vertices]),
        np.concatenate([np.reshape(faces, (-1, 3)), mesh.faces + len(vertices)]).astype(np.int32),
        None if mesh.labels is None else np.concatenate([np.full(len(vertices), 18, np.uint8), mesh.labels]),
    )


def assert_same(mesh: Mesh, expected: Mesh) -> None:
    np.testing.assert_array_equal(mesh.vertices, expected.vertices)
    np.testing.assert_array_equal(mesh.faces, expected.faces)
    np.testing.assert_array_equal(mesh.labels, expected.labels)
    assert mesh.faces.dtype == np.int32


def test_a_clean_mesh_stays(tetrahedron: Mesh) -> None:
    mesh, report = clean(tetrahedron)
    assert_same(mesh, tetrahedron)
    found = asdict(report)
    assert found == dict.fromkeys(found, 0) | dict.fromkeys(SIZES, 4)


@pytest.mark.parametrize(
    ("faces", "vertices", "counts"),
    [
        ([[0, 1, 4]], [], {"out_of_range_faces": 1}),
        ([[0, 1, -1]], [], {"out_of_range_faces": 1}),
        ([[0, 1, 1], [2, 1, 2]], [], {"repeated_corner_faces": 2}),
        ([], [[5, 5, 5]], {"unreferenced_vertices": 1}),
        ([], [[np.nan, 5, 5]], {"nonfinite_vertices": 1}),
        ([[0, 1, 2]], [[np.inf, 5, 5]], {"nonfinite_vertices": 1, "nonfinite_faces": 1}),
        # (0, 0, 0.5) halves the edge from vertex 0 to 1 (before: 1 to 2)
        ([[0, 1, 2]], [[0, 0, 0.5]], {"flat_faces": 1, "unreferenced_vertices": 1}),
        ([[0, 1, 2]], [[0.5, 0.5, 0.5]], {"flat_faces": 1, "unreferenced_vertices": 1}),
        ([[0, 1, 2]], [[1e200, 0, 0]], {"flat_faces": 1, "unreferenced_vertices": 1}),
    ],
)
def test_each_fault_goes_and_is_counted(faces: list, vertices: list, counts: dict[str, int], tetrahedron: Mesh) -> None:
    broken = with_faces(tetrahedron, faces, vertices)
    mesh, report = clean(broken)
    assert_same(mesh, tetrahedron)
    found = asdict(report)
    sizes = {
        "vertices_before": 4 + len(vertices),
        "faces_before": 4 + len(faces),
        "vertices_after": 4,
        "faces_after": 4,
    }
    assert found == dict.fromkeys(found, 0) | sizes | counts


def test_flat_to_double_precision_is_flat(tetrahedron: Mesh) -> None:
    line = [[0.1, 0.2, 0.3], [0.3, 0.6, 0.9], [0.7, 1.4, 2.1]]  # their cross product is 1e-17, not 0
    assert np.cross(np.subtract(line[1], line[0]), np.subtract(line[2], line[0])).any()
    assert clean(with_faces(tetrahedron, [[0, 1, 2]], line))[1].flat_faces == 1
    line[1][0] += 1e-9
    assert clean(with_faces(tetrahedron, [[0, 1, 2]], line), smallest_share=0)[1].flat_faces == 0


def test_of_duplicates_the_first_stays_whatever_its_winding(tetrahedron: Mesh) -> None:
    doubled = Mesh(tetrahedron.vertices, np.concatenate([tetrahedron.faces, tetrahedron.faces[:, ::-1]]))
    mesh, report = clean(doubled)
    np.testing.assert_array_equal(mesh.faces, tetrahedron.faces)
    assert report.duplicate_faces == 4


def test_duplicates_among_very_many_vertices(tetrahedron: Mesh) -> None:
    far = 1 << 21  # three indices no longer fit one integer
    vertices = np.concatenate([np.zeros((far, 3)), tetrahedron.vertices])
    faces = (np.concatenate([tetrahedron.faces, tetrahedron.faces[:2]]) + far).astype(np.int32)
    mesh, report = clean(Mesh(vertices, faces))
    np.testing.assert_array_equal(mesh.faces, tetrahedron.faces)
    assert report.duplicate_faces == 2


def test_specks(tetrahedron: Mesh) -> None:
    small = Mesh(tetrahedron.vertices * 0.1 + 5, tetrahedron.faces, np.full(4, 28, np.uint8))  # 1 % of the area
    other = Mesh(tetrahedron.vertices + 9, tetrahedron.faces, tetrahedron.labels)
    both = joined(small, tetrahedron, other)
    mesh, report = clean(both, smallest_share=0.011)
    assert_same(mesh, joined(tetrahedron, other))
    assert (report.specks, report.speck_faces, report.unreferenced_vertices) == (1, 4, 4)
    mesh, report = clean(both, smallest_share=0.009)
    assert_same(mesh, both)
    assert report.specks == 0


def test_components_that_share_only_a_vertex_are_one(tetrahedron: Mesh) -> None:
    tip = with_faces(tetrahedron, [[0, 1, 2]], [[0.51, 0.5, 0.5], [0.5, 0.51, 0.5]])
    assert len(clean(tip, smallest_share=0.5)[0].faces) == 5


def test_refuses_a_mesh_that_loses_too_much(tetrahedron: Mesh) -> None:
    broken = with_faces(tetrahedron, [[0, 0, 0]] * 5)
    with pytest.raises(ScanError, match=r"^a\.obj: 5 of its 9 faces are unusable: .* 5 repeat a corner"):
        clean(broken, "a.obj")
    assert len(clean(broken, most_lost=0.6)[0].faces) == 4


def test_refuses_a_mesh_of_which_nothing_is_left() -> None:
    nothing = Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(ScanError, match="1 to one of 3 vertices with NaN or infinite coordinates"):
        clean(nothing, most_lost=1.0)
    with pytest.raises(ScanError, match="0 of its 0 faces"):
        clean(Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int32)))
