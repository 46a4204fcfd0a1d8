import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.preparing.cleaning import changes, clean

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
    assert found == dict.fromkeys(found, 0) | dict.fromkeys(SIZES, 4) | {"notes": ()}


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
        ([[0, 1, 2]], [[0.5, 0.5, 0.5]], {"repeated_corner_faces": 1, "merged_vertices": 1, "relabelled_vertices": 1}),
        ([[0, 1, 2]], [[1e200, 0, 0]], {"flat_faces": 1, "unreferenced_vertices": 1}),
    ],
)
def test_each_fault_goes_and_is_counted(faces: list, vertices: list, counts: dict[str, int], tetrahedron: Mesh) -> None:
    broken = with_faces(tetrahedron, faces, vertices)
    mesh, report = clean(broken, max_removed_fraction=0.5)
    assert_same(mesh, tetrahedron)
    found = asdict(report)
    sizes = {
        "vertices_before": 4 + len(vertices),
        "faces_before": 4 + len(faces),
        "vertices_after": 4,
        "faces_after": 4,
    }
    assert found == dict.fromkeys(found, 0) | sizes | counts | {"notes": ()}


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
    small = Mesh(tetrahedron.vertices * 0.1 + 5, tetrahedron.faces, tetrahedron.labels)  # 1 % of the area
    both = joined(tetrahedron, small)
    with pytest.raises(
        ScanError, match=r"^a\.obj: cleaning would remove 1\.0% of its surface, and 0\.5% may go"
    ) as caught:
        clean(both, "a.obj", smallest_share=0.02, max_removed_fraction=0.005)
    assert "4 faces lie in loose parts (specks)" in str(caught.value)
    assert "prepare.max_removed_fraction" in str(caught.value)
    assert "weld" in str(caught.value)
    assert len(clean(both, smallest_share=0.02, max_removed_fraction=0.02)[0].faces) == 4


def test_nothing_may_go_where_nothing_goes(tetrahedron: Mesh) -> None:
    rng = np.random.default_rng(0)
    parts = joined(*(replace(tetrahedron, vertices=tetrahedron.vertices * size) for size in (1, 0.7, 0.3)))
    for _ in range(20):  # areas are summed by faces and by components, which rounds otherwise
        shuffled = replace(parts, vertices=parts.vertices * rng.uniform(0.5, 2), faces=rng.permutation(parts.faces))
        assert len(clean(shuffled, smallest_share=0.01, max_removed_fraction=0)[0].faces) == 12


def test_faces_with_unusable_corners_count_as_average_ones(tetrahedron: Mesh) -> None:
    broken = with_faces(tetrahedron, [[0, 1, 2]], [[np.nan, 5, 5]])  # one of five
    assert clean(broken, max_removed_fraction=0.21)[1].nonfinite_faces == 1
    with pytest.raises(ScanError, match=r"would remove 20\.0% .*: 1 faces have a corner with NaN or infinite"):
        clean(broken, max_removed_fraction=0.19)


def test_what_has_no_area_or_is_there_twice_is_no_loss(tetrahedron: Mesh) -> None:
    broken = with_faces(tetrahedron, [[0, 0, 0]] * 5 + tetrahedron.faces.tolist() * 3)
    mesh, report = clean(broken, max_removed_fraction=0)
    assert (report.repeated_corner_faces, report.duplicate_faces) == (5, 12)
    assert_same(mesh, tetrahedron)


def test_refuses_a_mesh_of_which_nothing_is_left() -> None:
    nothing = Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(ScanError, match="none of its 1 faces is usable: 1 faces have a corner with NaN or infinite"):
        clean(nothing, max_removed_fraction=1.0)
    with pytest.raises(ScanError, match="none of its 0 faces"):
        clean(Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int32)))


def bumpy(size: int = 20) -> Mesh:
    """A wavy square of 19 x 19 mm; at one side its faces are small."""
    x, y = np.meshgrid(np.linspace(0, 1, size) ** 2 * 19, np.linspace(0, 19, size), indexing="ij")
    vertices = np.stack([x, y, np.sin(x) * np.cos(y)], axis=-1).reshape(-1, 3)
    index = np.arange(size * size).reshape(size, size)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack(corner, axis=-1).reshape(-1, 3) for corner in ((a, b, c), (a, c, d))])
    labels = np.where(vertices[:, 1] > 9, 11, 0).astype(np.uint8)
    return Mesh(vertices, faces.astype(np.int32), labels)


def soup(mesh: Mesh) -> Mesh:
    """The mesh with three vertices of its own for each face."""
    corners = mesh.faces.reshape(-1)
    faces = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    return Mesh(mesh.vertices[corners], faces, None if mesh.labels is None else mesh.labels[corners])


def test_vertices_at_one_place_are_one() -> None:
    mesh = bumpy()
    again, report = clean(soup(mesh))
    assert report.merged_vertices == 3 * len(mesh.faces) - len(mesh.vertices)
    assert (report.specks, report.unreferenced_vertices, report.relabelled_vertices) == (0, 0, 0)
    np.testing.assert_array_equal(again.vertices[again.faces], mesh.vertices[mesh.faces])
    assert again.labels is not None
    assert mesh.labels is not None
    np.testing.assert_array_equal(again.labels[again.faces], mesh.labels[mesh.faces])
    first = np.unique(mesh.faces.reshape(-1), return_index=True)[1]
    np.testing.assert_array_equal(again.vertices, mesh.vertices[mesh.faces.reshape(-1)[np.sort(first)]])  # the order


def test_a_seam_keeps_the_order_of_the_vertices() -> None:
    mesh = bumpy()
    seam = mesh.faces.copy()
    right = len(seam) // 2
    seam[right:] += len(mesh.vertices)  # the second half of the faces has vertices of its own
    doubled = Mesh(np.concatenate([mesh.vertices] * 2), seam, np.concatenate([mesh.labels, mesh.labels]))
    again, report = clean(doubled)
    np.testing.assert_array_equal(again.vertices[again.faces], mesh.vertices[mesh.faces])
    in_both = np.intersect1d(mesh.faces[:right], mesh.faces[right:])
    assert report.merged_vertices == len(in_both)
    assert len(again.vertices) == len(mesh.vertices)


def test_minus_zero_is_zero() -> None:
    mesh = Mesh(
        np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-0.0, 0, -0.0], [1, 0, 1]]), np.array([[0, 1, 2], [3, 4, 1]])
    )
    assert clean(mesh)[1].merged_vertices == 1


def test_last_digits_that_differ_make_no_seam() -> None:
    mesh = bumpy()
    rng = np.random.default_rng(0)
    apart = soup(mesh)
    jittered = Mesh(apart.vertices + rng.uniform(-2e-5, 2e-5, apart.vertices.shape), apart.faces, apart.labels)
    again, report = clean(jittered)
    assert len(again.vertices) == len(mesh.vertices)
    assert report.merged_vertices == len(apart.vertices) - len(mesh.vertices)
    assert report.faces_after == len(mesh.faces)
    np.testing.assert_allclose(again.vertices[again.faces], mesh.vertices[mesh.faces], atol=5e-5)


def test_no_face_loses_a_corner_by_merging() -> None:
    mesh = bumpy()
    squeezed = mesh.vertices.copy()
    squeezed[:20, 0] = squeezed[20:40, 0] - 1e-7  # a row of border vertices beside the next row
    same, report = clean(Mesh(squeezed, mesh.faces))
    assert (report.merged_vertices, report.repeated_corner_faces) == (0, 0)
    np.testing.assert_array_equal(same.vertices, squeezed)


def test_at_one_place_most_labels_win() -> None:
    labels = np.array([11, 0, 0, 12, 0, 0, 12, 0, 0], np.uint8)
    center, right, up, left, down = [0.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0], [0, -1.0, 0]
    vertices = np.array([center, right, up, center, up, left, center, left, down])
    mesh, report = clean(Mesh(vertices, np.arange(9, dtype=np.int32).reshape(3, 3), labels))
    assert mesh.labels is not None
    assert mesh.labels.tolist() == [12, 0, 0, 0, 0]
    assert (report.merged_vertices, report.relabelled_vertices) == (4, 1)


def test_the_report_in_words_and_for_json(tetrahedron: Mesh) -> None:
    report = clean(tetrahedron)[1]
    assert changes(report.as_dict()) == ""
    assert list(report.as_dict()) == [field for field in asdict(report) if field not in LATER]
    noted = Mesh(tetrahedron.vertices, tetrahedron.faces, tetrahedron.labels, ("2 bytes are left out",))
    report = clean(with_notes(with_faces(noted, [[0, 0, 1]]), noted.notes))[1]
    assert report.as_dict()["notes"] == ("2 bytes are left out",)
    assert changes(report.as_dict()) == "1 faces repeat a corner; 2 bytes are left out"
    assert changes(json.loads(json.dumps(report.as_dict()))) == changes(report.as_dict())


LATER = ("merged_vertices", "relabelled_vertices", "notes")


def with_notes(mesh: Mesh, notes: tuple[str, ...]) -> Mesh:
    return replace(mesh, notes=notes)
