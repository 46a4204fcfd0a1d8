"""Small operations on triangle meshes: equal places, connected components, compaction."""

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def face_components(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """The number (F,) of each face's connected component; faces (F, 3) that share a vertex are connected."""
    tails, heads = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(tails), bool), (tails, heads)), shape=(vertex_count, vertex_count))
    _, component = connected_components(graph.tocsr(), directed=False)
    return component[faces[:, 0]]


def compacted(faces: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces without the vertices that none of them uses.

    Returns:
        which vertices (V,) remain, bool; the faces (F, 3) int32, counted among these.
    """
    used = np.zeros(vertex_count, bool)
    used[faces] = True
    index = np.cumsum(used, dtype=np.int32) - 1
    return used, index[faces].astype(np.int32, copy=False)


def keep_faces(vertices: np.ndarray, faces: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some faces of a mesh, and the vertices that they use; both in their order.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        kept: (F,) bool.

    Returns:
        vertices (W, 3); faces (G, 3) int32.
    """
    used, faces = compacted(faces[kept], len(vertices))
    return vertices[used], faces


def majority(groups: np.ndarray, labels: np.ndarray, group_count: int) -> np.ndarray:
    """The most frequent label of each group, of equally frequent ones the smallest; 0 where a group is empty.

    Args:
        groups: (N,) int, the group of each label, below `group_count`.
        labels: (N,) uint8.

    Returns:
        (group_count,) uint8.
    """
    pairs, counts = np.unique(groups.astype(np.int64) * 256 + labels, return_counts=True)
    order = np.lexsort((-counts, pairs // 256))  # stable: of equal counts the smallest label comes first
    group, first = np.unique(pairs[order] // 256, return_index=True)
    result = np.zeros(group_count, np.uint8)
    result[group] = pairs[order][first] % 256
    return result


@njit(cache=True, nogil=True)
def corners_by_vertex(faces, vertex_count):
    """The corners of faces (F, 3) at each vertex, in the order of the faces.

    Returns:
        start (V + 1,): the corners of vertex v are corners[start[v] : start[v + 1]]. corners (3F,), 3 * face + place.
    """
    start = np.zeros(vertex_count + 1, np.int64)
    for f in range(len(faces)):
        for e in range(3):
            start[faces[f, e] + 1] += 1
    for v in range(vertex_count):
        start[v + 1] += start[v]
    corners = np.empty(3 * len(faces), np.int64)
    filled = start[:-1].copy()
    for f in range(len(faces)):
        for e in range(3):
            corners[filled[faces[f, e]]] = 3 * f + e
            filled[faces[f, e]] += 1
    return start, corners


@njit(cache=True, nogil=True)
def mixed(value):
    """A 64-bit number whose bits all depend on all bits of `value` (MurmurHash3's finaliser)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True, nogil=True)
def first_of_equal(rows):
    """For each row of (N, 3) float64 the index (N,) int64 of the first one with the same bits."""
    slots = 16
    while slots < 2 * len(rows):
        slots *= 2
    table = np.full(slots, -1, np.int64)
    first = np.empty(len(rows), np.int64)
    bits = rows.view(np.uint64)
    for n in range(len(rows)):
        key = mixed(mixed(mixed(bits[n, 0]) ^ bits[n, 1]) ^ bits[n, 2])
        slot = np.int64(key & np.uint64(slots - 1))
        while table[slot] >= 0:
            other = table[slot]
            if bits[other, 0] == bits[n, 0] and bits[other, 1] == bits[n, 1] and bits[other, 2] == bits[n, 2]:
                break
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            table[slot] = n
        first[n] = table[slot]
    return first
