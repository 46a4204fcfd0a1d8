"""Parts of labelled meshes: some faces of one, its connected components, several as one."""

from collections.abc import Sequence

import numpy as np

from scans.mesh import GINGIVA, Mesh
from scans.mesh_edit import compacted, face_components

LEAST_PART = 0.01  # of the largest part's area; smaller parts are specks


def area_vectors(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) normals of faces, as long as their areas."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a) / 2


def area(mesh: Mesh) -> float:
    """The area of a surface."""
    return float(np.linalg.norm(area_vectors(mesh.vertices, mesh.faces), axis=1).sum())


def volume(mesh: Mesh) -> float:
    """What a closed surface encloses; negative where it is inside out."""
    return float(np.einsum("ij,ij", area_vectors(mesh.vertices, mesh.faces), mesh.vertices[mesh.faces[:, 0]])) / 3


def face_labels(mesh: Mesh) -> np.ndarray:
    """The label (F,) of two corners of a labelled face or more, or else of its first."""
    assert mesh.labels is not None
    first, second, third = mesh.labels[mesh.faces].T
    return np.where(second == third, second, first)


def some_faces(mesh: Mesh, kept: np.ndarray) -> Mesh:
    """A mesh of the faces (F,) bool alone, and of the vertices that they use."""
    used, faces = compacted(mesh.faces[kept], len(mesh.vertices))
    return Mesh(mesh.vertices[used], faces, None if mesh.labels is None else mesh.labels[used])


def components(mesh: Mesh) -> list[Mesh]:
    """The connected parts, the one of the largest area first."""
    number = face_components(mesh.faces, len(mesh.vertices))
    parts = [some_faces(mesh, number == part) for part in np.unique(number)]
    return sorted(parts, key=area, reverse=True)


def without_specks(parts: list[Mesh], said: list[str]) -> list[Mesh]:
    """The `components` without the smallest, which `said` then tells of."""
    areas = [area(part) for part in parts]
    kept = [part for part, own in zip(parts, areas, strict=True) if own >= LEAST_PART * areas[0]]
    if dropped := len(parts) - len(kept):
        said.append(f"{dropped} speck{'s' * (dropped > 1)} dropped, the largest of {areas[len(kept)]:.1f} mm²")
    return kept


def joined(parts: Sequence[Mesh]) -> Mesh:
    """Several meshes as one, all with labels or all without."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = np.concatenate([part.faces + start for part, start in zip(parts, starts[:-1], strict=True)])
    labels = [part.labels for part in parts if part.labels is not None]
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        faces.astype(np.int32),
        np.concatenate(labels) if len(labels) == len(parts) else None,
    )


def extended(mesh: Mesh, vertices: np.ndarray, faces: np.ndarray, labels: np.ndarray | None = None) -> Mesh:
    """A mesh with further vertices (N, 3), labelled as gingiva unless `labels` (N,) are given, and further faces."""
    whole = np.concatenate([mesh.faces, faces]).astype(mesh.faces.dtype)
    own = mesh.labels
    if own is not None:
        own = np.concatenate([own, np.full(len(vertices), GINGIVA, np.uint8) if labels is None else labels])
    return Mesh(np.concatenate([mesh.vertices, vertices]), whole, own)
