"""Scans without the vertices and faces that no surface has, and an account of what went."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.vectors import dot, norm

# A triangle is a line to double precision when its height is 10^-12 of its longest edge: what remains is rounding.
FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What `clean` found; a face counts once, under the first reason that holds. `dataclasses.asdict` dumps it.

    Attributes:
        vertices_before, faces_before, vertices_after, faces_after: sizes of the mesh.
        nonfinite_vertices: vertices with a NaN or infinite coordinate.
        nonfinite_faces: faces with such a corner.
        out_of_range_faces: faces that refer to no vertex.
        repeated_corner_faces: faces with two equal corners.
        flat_faces: faces without area.
        duplicate_faces: faces with the same corners as an earlier one, in any order.
        specks: connected components smaller than the allowed share of the largest one's area.
        speck_faces: the faces in them.
        unreferenced_vertices: finite vertices that no remaining face uses.
    """

    vertices_before: int
    faces_before: int
    vertices_after: int
    faces_after: int
    nonfinite_vertices: int
    nonfinite_faces: int
    out_of_range_faces: int
    repeated_corner_faces: int
    flat_faces: int
    duplicate_faces: int
    specks: int
    speck_faces: int
    unreferenced_vertices: int


def double_areas(corners: np.ndarray) -> np.ndarray:
    """Twice the area (F,) of triangles with corners (F, 3, 3); 0 where they are flat to double precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        third = second - first
        normal = np.cross(first, second)
        area = norm(normal)
        longest = np.maximum.reduce([dot(edge, edge) for edge in (first, second, third)])
        return np.where((area > FLAT * longest) & np.isfinite(longest), area, 0.0)


def first_of_each(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """Whether each face (F, 3) is the first with its corners, whatever their order."""
    ordered = np.sort(faces, axis=1).astype(np.int64)
    if vertex_count < 1 << 21:  # three indices in one integer
        key = (ordered[:, 0] * vertex_count + ordered[:, 1]) * vertex_count + ordered[:, 2]
        _, first = np.unique(key, return_index=True)
    else:
        _, first = np.unique(ordered, axis=0, return_index=True)
    keep = np.zeros(len(faces), dtype=bool)
    keep[first] = True
    return keep


def component_of(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """The number (F,) of each face's connected component; faces that share a vertex are connected."""
    tails, heads = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(tails), bool), (tails, heads)), shape=(vertex_count, vertex_count))
    _, component = connected_components(graph.tocsr(), directed=False)
    return component[faces[:, 0]]


def clean(
    mesh: Mesh, source: object = "the scan", smallest_share: float = 0.01, most_lost: float = 0.5
) -> tuple[Mesh, CleaningReport]:
    """Drop what no surface has: broken faces, doubles, specks and vertices that nothing uses.

    What remains keeps its order and its labels.

    Args:
        source: the file, for messages.
        smallest_share: connected components whose area is below this share of the largest component's are specks.
        most_lost: the largest share of the faces that may go.

    Returns:
        the clean mesh, and the counts of what went.

    Raises:
        ScanError: no face is left, or more than `most_lost` of them went.
    """
    vertices, faces = mesh.vertices, mesh.faces
    finite = np.isfinite(vertices).all(axis=1)
    went: list[int] = []

    def keep(rows: np.ndarray) -> None:
        nonlocal faces
        went.append(len(faces) - int(np.count_nonzero(rows)))
        if went[-1]:
            faces = faces[rows]

    keep(np.all((faces >= 0) & (faces < len(vertices)), axis=1))
    keep(finite[faces].all(axis=1))
    keep(~np.equal(faces, faces[:, [1, 2, 0]]).any(axis=1))
    areas = double_areas(vertices[faces])
    solid = areas > 0
    keep(solid)
    areas = areas[solid]
    first = first_of_each(faces, len(vertices))
    keep(first)
    areas = areas[first]
    specks = 0
    if len(faces):
        component = component_of(faces, len(vertices))
        component_areas = np.bincount(component, weights=areas)
        speck = component_areas < smallest_share * component_areas.max()
        specks = int(np.count_nonzero(speck & (np.bincount(component) > 0)))
        keep(~speck[component])
    else:
        went.append(0)

    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    number = np.cumsum(used, dtype=np.int64) - 1
    report = CleaningReport(
        vertices_before=len(vertices),
        faces_before=len(mesh.faces),
        vertices_after=int(np.count_nonzero(used)),
        faces_after=len(faces),
        nonfinite_vertices=int(np.count_nonzero(~finite)),
        nonfinite_faces=went[1],
        out_of_range_faces=went[0],
        repeated_corner_faces=went[2],
        flat_faces=went[3],
        duplicate_faces=went[4],
        specks=specks,
        speck_faces=went[5],
        unreferenced_vertices=int(np.count_nonzero(finite & ~used)),
    )
    if len(faces) == 0 or sum(went) > most_lost * len(mesh.faces):
        raise ScanError(
            f"{source}: {sum(went)} of its {len(mesh.faces)} faces are unusable: {went[0]} refer to no vertex, "
            f"{went[1]} to one of {report.nonfinite_vertices} vertices with NaN or infinite coordinates, "
            f"{went[2]} repeat a corner, {went[3]} have no area, {went[4]} are doubles, {went[5]} lie in {specks} "
            "specks. Repair or export the scan again"
        )
    labels = None if mesh.labels is None else mesh.labels[used]
    return Mesh(vertices[used], number[faces].astype(np.int32), labels), report
