"""Scans without the vertices and faces that no surface has, and an account of what went."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.mesh_edit import compacted, face_components, first_of_equal, majority
from scans.sampling.border import border_edges
from scans.vectors import dot, norm, ordered_sum

# A triangle is a line to double precision when its height is 10^-12 of its longest edge: what remains is rounding.
FLAT = 1e-12
# Vertices of borders that are nearer to each other than this share of the border's median edge are one vertex, written
# with other last digits.
SAME_PLACE = 0.005


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What `clean` found; a face counts once, under the first reason that holds.

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
        merged_vertices: vertices that went because an earlier one lies at the same place.
        relabelled_vertices: vertices that took over another label, for those at their place had different ones.
        notes: what the file's reader left out or guessed.
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
    merged_vertices: int = 0
    relabelled_vertices: int = 0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON; of the last three only what is there, so that most shards stay as they were."""
        later = ("merged_vertices", "relabelled_vertices", "notes")
        return {name: value for name, value in asdict(self).items() if name not in later or value}


def changes(counts: dict[str, Any]) -> str:
    """What cleaning changed, in words; empty where it changed nothing.

    Args:
        counts: a `CleaningReport` as a dict.
    """
    told = [f"{counts[name]} {what}" for name, what in WORDS.items() if counts.get(name)]
    return "; ".join([*told, *counts.get("notes", ())])


WORDS = {
    "out_of_range_faces": "faces refer to no vertex",
    "nonfinite_faces": "faces have a corner with NaN or infinite coordinates",
    "repeated_corner_faces": "faces repeat a corner",
    "flat_faces": "faces have no area",
    "duplicate_faces": "faces are there twice",
    "speck_faces": "faces lie in loose parts (specks)",
    "unreferenced_vertices": "vertices are in no face",
    "merged_vertices": "vertices were merged with another at the same place",
    "relabelled_vertices": "vertices took the label that most at their place have",
}


def double_areas(corners: np.ndarray) -> np.ndarray:
    """Twice the area (F,) of triangles with corners (F, 3, 3); 0 where they are flat to double precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = norm(np.cross(first, second))
        longest = np.maximum.reduce([dot(edge, edge) for edge in (first, second, second - first)])
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


def same_place(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """For each vertex of a face the first such one at its place.

    Files repeat vertices at the seams of textures, or in each face. Places are equal to the bit, or, for vertices on a
    border, nearer than SAME_PLACE, unless a face would lose a corner by that: some programs round a vertex anew for
    each of its faces.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3), all corners finite.

    Returns:
        (V,) int64; a vertex without another at its place is its own.
    """
    here = np.flatnonzero(compacted(faces, len(vertices))[0])
    first = np.arange(len(vertices))
    first[here] = here[first_of_equal(vertices[here] + 0.0)]  # −0 and 0 are one place
    joined = first[faces]
    edges = border_edges(joined)[:, :2]
    if len(edges) == 0:
        return first
    border = np.unique(edges)
    places = vertices[border]
    with np.errstate(over="ignore"):
        cell = 2 * SAME_PLACE * np.median(norm(vertices[edges[:, 0]] - vertices[edges[:, 1]]))
    if not 0 < cell < np.inf:
        return first
    # Two places that are nearer than half a cell along each axis share a cell of one of eight grids.
    groups: list[np.ndarray] = []
    vertex_count = len(border)
    for shift in np.ndindex(2, 2, 2):
        cells = np.floor(places / cell + np.array(shift) / 2) + 0.0
        cells = np.where(np.isfinite(cells), cells, places)
        groups.append(first_of_equal(cells) + vertex_count * (1 + len(groups)))
    vertex, group = np.tile(np.arange(vertex_count), 8), np.concatenate(groups)
    graph = coo_array((np.ones(len(group), bool), (vertex, group)), shape=(9 * vertex_count, 9 * vertex_count))
    component = connected_components(graph.tocsr(), directed=False)[1][:vertex_count]
    _, representative, of_vertex = np.unique(component, return_index=True, return_inverse=True)
    nearest = np.arange(len(vertices))
    nearest[border] = border[representative[of_vertex]]
    collapsed = np.equal(nearest[joined], nearest[joined[:, [1, 2, 0]]]) & ~np.equal(joined, joined[:, [1, 2, 0]])
    torn = np.unique(nearest[joined[collapsed.any(axis=1)]])
    nearest[np.isin(nearest, torn)] = np.flatnonzero(np.isin(nearest, torn))
    return nearest[first]


def clean(
    mesh: Mesh, source: object = "the scan", smallest_share: float = 0.01, max_removed_fraction: float = 0.02
) -> tuple[Mesh, CleaningReport]:
    """Merge vertices at one place, and drop what no surface has: broken faces, doubles, specks, unused vertices.

    What remains keeps its order and its labels.

    Args:
        source: the file, for messages.
        smallest_share: connected components whose area is below this share of the largest component's are specks.
        max_removed_fraction: of the surface's area that may go: faces with unusable corners, which count as average
            ones, and specks. Doubles and flat faces are no loss.

    Returns:
        the clean mesh, and the counts of what went.

    Raises:
        ScanError: no face is left, or more than `max_removed_fraction` of the surface went.
    """
    vertices, faces, labels = mesh.vertices, mesh.faces, mesh.labels
    finite = np.isfinite(vertices).all(axis=1)
    went: list[int] = []

    def keep(rows: np.ndarray) -> None:
        nonlocal faces
        went.append(len(faces) - int(np.count_nonzero(rows)))
        if went[-1]:
            faces = faces[rows]

    keep(np.all((faces >= 0) & (faces < len(vertices)), axis=1))
    keep(finite[faces].all(axis=1))
    unusable = sum(went)
    place = same_place(vertices, faces)
    merged = int(np.count_nonzero(place != np.arange(len(vertices))))
    relabelled = 0
    if merged and labels is not None:
        here = np.flatnonzero(compacted(faces, len(vertices))[0])
        labels = labels.copy()
        labels[here] = majority(place[here], labels[here], len(vertices))[place[here]]
        relabelled = int(np.count_nonzero(labels != mesh.labels))
    if merged:
        faces = place[faces]
    keep(~np.equal(faces, faces[:, [1, 2, 0]]).any(axis=1))
    areas = double_areas(vertices[faces])
    solid = areas > 0
    keep(solid)
    areas = areas[solid]
    first = first_of_each(faces, len(vertices))
    keep(first)
    areas = areas[first]
    specks, kept_area = 0, float(ordered_sum(areas))
    if len(faces):
        component = face_components(faces, len(vertices))
        component_areas = np.bincount(component, weights=areas)
        speck = component_areas < smallest_share * component_areas.max()
        specks = int(np.count_nonzero(speck & (np.bincount(component) > 0)))
        if specks:  # a sum by components differs from that by faces in its last digits
            kept_area = float(ordered_sum(component_areas[~speck]))
        keep(~speck[component])
    else:
        went.append(0)

    used, faces = compacted(faces, len(vertices))
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
        unreferenced_vertices=int(np.count_nonzero(finite & ~used)) - merged,
        merged_vertices=merged,
        relabelled_vertices=relabelled,
        notes=mesh.notes,
    )
    if len(faces) == 0:
        raise ScanError(
            f"{source}: none of its {len(mesh.faces)} faces is usable: {changes(report.as_dict())}. "
            "Repair or export the scan again"
        )
    whole_area = float(ordered_sum(areas))
    whole_area += unusable * whole_area / len(areas)
    removed = 1 - kept_area / whole_area
    if removed > max_removed_fraction:
        raise ScanError(
            f"{source}: cleaning would remove {removed:.1%} of its surface, and {max_removed_fraction:.1%} may go "
            f"(prepare.max_removed_fraction): {changes(report.as_dict())}. Of {len(mesh.faces)} faces, {unusable} have "
            f"unusable corners and {went[5]} lie in {specks} loose parts. Repair it: delete what is no scan, and merge "
            "(weld) vertices where neighbouring faces share none; or raise prepare.max_removed_fraction"
        )
    return Mesh(vertices[used], faces, None if labels is None else labels[used], mesh.notes), report
