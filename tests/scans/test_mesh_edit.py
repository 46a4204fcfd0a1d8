import numpy as np

from scans.mesh_edit import compacted, face_components, first_of_equal, keep_faces, majority

# Two triangles that share an edge, one that shares a vertex with them, and one alone; vertex 3 is in none.
FACES = np.array([[0, 1, 2], [2, 1, 4], [4, 5, 6], [7, 8, 9]], np.int32)


def test_faces_that_share_a_vertex_are_one_component() -> None:
    component = face_components(FACES, 10)
    assert component[0] == component[1] == component[2] != component[3]


def test_compacting_keeps_the_order() -> None:
    used, faces = compacted(FACES[1:3], 10)
    assert np.flatnonzero(used).tolist() == [1, 2, 4, 5, 6]
    assert faces.tolist() == [[1, 0, 2], [2, 3, 4]]
    assert faces.dtype == np.int32


def test_keep_faces() -> None:
    vertices = np.arange(30.0).reshape(10, 3)
    kept, faces = keep_faces(vertices, FACES, np.array([False, False, False, True]))
    np.testing.assert_array_equal(kept, vertices[7:])
    assert faces.tolist() == [[0, 1, 2]]


def test_the_label_of_most_and_of_equals_the_smallest() -> None:
    groups = np.array([0, 0, 0, 1, 1, 3, 3, 3, 3])
    labels = np.array([11, 12, 12, 28, 0, 48, 47, 48, 47], np.uint8)
    assert majority(groups, labels, 5).tolist() == [12, 0, 0, 47, 0]


def test_first_of_equal_agrees_with_numpy() -> None:
    rows = np.random.default_rng(0).integers(0, 6, (500, 3)).astype(np.float64)
    _, index, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(first_of_equal(rows), index[inverse.reshape(-1)])


def test_small_whole_numbers_take_no_longer_than_others() -> None:
    # Their doubles differ in few bits. Where all fell into few slots of the table, this would take minutes.
    grid = np.stack(np.meshgrid(*[np.arange(64.0)] * 3), axis=-1).reshape(-1, 3)
    np.testing.assert_array_equal(first_of_equal(grid), np.arange(len(grid)))
