"""Decimation of labelled triangle meshes."""

import numpy as np
from fast_simplification import simplify
from scipy.spatial import cKDTree

from scans.mesh import Mesh
from scans.mesh_edit import compacted, first_of_equal
from scans.modelling.parts import face_labels

AGGRESSIVENESS = 7.0  # of the library's threshold, its default


def decimated(mesh: Mesh, faces: int) -> tuple[Mesh, str | None]:
    """A mesh with fewer faces, by edge collapse in the order of quadric error (Garland & Heckbert 1997).

    Open borders keep every vertex. So do the borders between labels, as long as `faces` leaves room for them: patches
    of one label are decimated each with its border fixed, and stitched again. The implementation is that of
    fast-simplification (S. Forstmann's), whose order of collapses is by threshold rather than strictly by error.

    Args:
        mesh: an oriented surface, in any units.
        faces: the largest number of faces; a mesh that has no more is returned as it is.

    Returns:
        the mesh; a sentence where labels' borders had to move, or where the open border leaves more faces.
    """
    if len(mesh.faces) <= faces:
        return mesh, None
    if mesh.labels is not None and len(np.unique(mesh.labels)) > 1:
        made = _collapsed(mesh, face_labels(mesh), faces)
        if len(made.faces) <= faces:
            return made, None
    made = _collapsed(mesh, np.zeros(len(mesh.faces), np.uint8), faces)
    if len(made.faces) > faces:
        return made, f"{len(made.faces)} faces are left in place of {faces}, for the border keeps its vertices"
    moved = f"{faces} faces leave no room for the exact borders between labels"
    return made, None if mesh.labels is None else moved


def _collapsed(mesh: Mesh, patches: np.ndarray, faces: int) -> Mesh:
    """The mesh with about so many faces, and the borders of its patches (F,) as they are."""
    # A vertex for each patch that it is in.
    pairs, corners = np.unique(
        np.repeat(patches.astype(np.int64), 3) * len(mesh.vertices) + mesh.faces.ravel(), return_inverse=True
    )
    apart = mesh.vertices[pairs % len(mesh.vertices)].astype(np.float64)
    vertices, kept = simplify(
        apart,
        corners.reshape(-1, 3).astype(np.int32),
        target_count=faces,
        agg=AGGRESSIVENESS,
        preserve_border=True,
    )
    first = first_of_equal(np.ascontiguousarray(vertices))
    used, kept = compacted(first[kept], len(vertices))
    vertices = vertices[used]
    labels = None if mesh.labels is None else mesh.labels[cKDTree(mesh.vertices).query(vertices)[1]]
    return Mesh(vertices, kept, labels)
