"""Surfaces as oriented manifolds with border."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scans.mesh import Mesh
from scans.modelling.parts import area_vectors, extended

APART_MM = 0.005  # by which vertices are moved that would coincide, at most
FLAT = 0.05  # of a fan's radius; where the neighbours' middle is nearer, the fan is flat


def separated(mesh: Mesh) -> Mesh:
    """A surface as an oriented manifold with border: where it touches itself in an edge or a vertex, it comes apart.

    Around an edge of four faces these are paired so that the solid lies between the two of a pair. Each fan of faces
    around a vertex gets a vertex of its own; where pairs still have their edge in common, each gets a vertex in the
    middle of it. All of these are moved a little, so that none coincide. Degenerate and repeated faces
    are taken out, and those that can't be paired.

    Returns:
        the mesh, its vertices in their order and the new ones after them.
    """
    faces = mesh.faces.astype(np.int64)
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    least_first = faces[np.arange(len(faces))[:, None], (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3]
    faces = faces[np.sort(np.unique(least_first, axis=0, return_index=True)[1])]
    mesh = Mesh(mesh.vertices.astype(np.float64), faces, mesh.labels)
    while True:
        opposite, unpaired = _opposites(mesh.vertices, mesh.faces)
        if unpaired.any():
            mesh = Mesh(mesh.vertices, mesh.faces[~unpaired], mesh.labels)
            continue
        fan, vertex_of = _fans(mesh.faces, opposite)
        if len(vertex_of) > len(np.unique(vertex_of)):
            mesh = _own_vertices(mesh, fan, vertex_of)
        edges = _edges_in_common(mesh.faces, opposite)
        if not len(edges):
            return Mesh(mesh.vertices, mesh.faces.astype(np.int32), mesh.labels)
        mesh = _split(mesh, edges, opposite)


def _own_vertices(mesh: Mesh, fan: np.ndarray, vertex_of: np.ndarray) -> Mesh:
    """A vertex for each fan; the first one of a vertex keeps it."""
    order = np.argsort(vertex_of, kind="stable")
    again = np.concatenate([[False], vertex_of[order][1:] == vertex_of[order][:-1]])
    number = np.empty(len(order), np.int64)
    number[order] = np.where(again, len(mesh.vertices) - 1 + np.cumsum(again), vertex_of[order])
    twice = vertex_of[order[again]]
    labels = None if mesh.labels is None else mesh.labels[twice]
    apart = extended(mesh, mesh.vertices[twice], np.zeros((0, 3)), labels)
    apart = Mesh(apart.vertices, number[fan].reshape(-1, 3), apart.labels)
    return _drawn_in(apart, np.unique(np.concatenate([twice, number[order[again]]])))


def _edges_in_common(faces: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """One half-edge of each pair whose edge is another pair's too; of each face at most one."""
    tail, head = half_edges(faces)
    _, edge, counts = np.unique(np.stack([tail, head]), axis=1, return_inverse=True, return_counts=True)
    taken: set[int] = set()
    chosen = []
    for half in np.flatnonzero((counts > 1)[edge.ravel()]).tolist():
        own = {half // 3, int(opposite[half]) // 3} if opposite[half] >= 0 else {half // 3}
        if not own & taken:
            taken |= own
            chosen.append(half)
    return np.array(chosen, np.int64)


def _split(mesh: Mesh, edges: np.ndarray, opposite: np.ndarray) -> Mesh:
    """A new vertex in the middle of each half-edge, for the faces on its two sides."""
    tail, head = half_edges(mesh.faces)
    middle = len(mesh.vertices) + np.arange(len(edges))
    labels = None if mesh.labels is None else mesh.labels[tail[edges]]
    inner = opposite[edges] >= 0
    half, middle_of = np.concatenate([edges, opposite[edges[inner]]]), np.concatenate([middle, middle[inner]])
    face, corner = half // 3, half % 3
    faces = mesh.faces.copy()
    faces[face, (corner + 1) % 3] = middle_of
    rest = np.stack([middle_of, head[half], mesh.faces[face, (corner + 2) % 3]], axis=1)
    whole = extended(
        Mesh(mesh.vertices, faces, mesh.labels),
        (mesh.vertices[tail[edges]] + mesh.vertices[head[edges]]) / 2,
        rest,
        labels,
    )
    return _drawn_in(whole, middle)


def _drawn_in(mesh: Mesh, numbers: np.ndarray) -> Mesh:
    """Some vertices moved so that none coincide, by APART_MM at most.

    Towards the middle of their neighbours, the more the sharper their fans; those of a flat fan, into the solid.
    """
    there = np.zeros(len(mesh.vertices), bool)
    there[numbers] = True
    tail, head = half_edges(mesh.faces)
    tail, head = np.concatenate([tail, head]), np.concatenate([head, tail])
    tail, head = tail[there[tail]], head[there[tail]]
    towards = mesh.vertices[head] - mesh.vertices[tail]
    move, lengths, normals = np.zeros_like(mesh.vertices), np.zeros((len(there), 1)), np.zeros_like(mesh.vertices)
    np.add.at(move, tail, towards)
    np.add.at(lengths, tail, np.linalg.norm(towards, axis=1, keepdims=True))
    np.add.at(normals, mesh.faces.ravel(), np.repeat(area_vectors(mesh.vertices, mesh.faces), 3, axis=0))
    move /= np.maximum(lengths, 1e-12)
    flat = there & (np.linalg.norm(move, axis=1) < FLAT)
    move[flat] = -FLAT * normals[flat] / np.maximum(np.linalg.norm(normals[flat], axis=1, keepdims=True), 1e-12)
    return Mesh(mesh.vertices + APART_MM * move, mesh.faces, mesh.labels)


def half_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number 3f + i is the edge of face f from corner i to the next: its tail and head, (3F,) each."""
    return faces.ravel().astype(np.int64), np.roll(faces, -1, axis=1).ravel().astype(np.int64)


def _opposites(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The half-edge (3F,) on the other side of each, -1 at a border; (F,) bool, faces for which none can be told."""
    tail, head = half_edges(faces)
    _, edge, counts = np.unique(
        np.minimum(tail, head) * len(vertices) + np.maximum(tail, head), return_inverse=True, return_counts=True
    )
    order = np.argsort(edge, kind="stable")
    starts = np.cumsum(counts) - counts
    opposite = np.full(len(tail), -1)
    unpaired = np.zeros(len(faces), bool)
    one, other = order[starts[counts == 2]], order[starts[counts == 2] + 1]
    facing = tail[one] == head[other]
    opposite[one[facing]], opposite[other[facing]] = other[facing], one[facing]
    unpaired[other[~facing] // 3] = True
    for start, count in zip(starts[counts > 2], counts[counts > 2], strict=True):
        around = order[start : start + count]
        pairs = _pairs(vertices, faces, around, tail)
        for a, b in pairs:
            opposite[a], opposite[b] = b, a
        left = np.setdiff1d(around, np.ravel(pairs))
        unpaired[left[1:] // 3] = True  # one may be at a border
    return opposite, unpaired


def _pairs(vertices: np.ndarray, faces: np.ndarray, around: np.ndarray, tail: np.ndarray) -> list[tuple[int, int]]:
    """Of the half-edges around an edge those with nothing but solid between their faces."""
    first = tail[around[0]]
    second = faces.ravel()[around[0] // 3 * 3 + (around[0] + 1) % 3]
    along = vertices[second] - vertices[first]
    along = along / max(float(np.linalg.norm(along)), 1e-12)
    reach = vertices[faces.ravel()[around // 3 * 3 + (around + 2) % 3]] - vertices[first]
    reach = reach - (reach @ along)[:, None] * along
    right = reach[0] / max(float(np.linalg.norm(reach[0])), 1e-12)
    angle = np.arctan2(reach @ np.cross(along, right), reach @ right)
    turn = around[np.argsort(angle, kind="stable")]
    return [
        (int(a), int(b))
        for a, b in zip(turn, np.roll(turn, -1), strict=True)
        if tail[a] != first and tail[b] == first  # solid lies ahead of the one and behind the other
    ]


def _fans(faces: np.ndarray, opposite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fan (3F,) that each corner is in; the vertex of each fan."""
    edge = np.flatnonzero(opposite >= 0)
    facing = opposite[edge]
    one = np.concatenate([edge, edge // 3 * 3 + (edge + 1) % 3])
    other = np.concatenate([facing // 3 * 3 + (facing + 1) % 3, facing])
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(opposite), len(opposite)))
    count, fan = connected_components(graph.tocsr(), directed=False)
    vertex_of = np.empty(count, np.int64)
    vertex_of[fan] = faces.ravel()
    return fan, vertex_of
