"""From the solid to a triangle surface: surface nets on a voxel grid, and the part of it that a scan holds."""

import numpy as np

from scans.mesh_edit import face_components, keep_faces
from scans.surface_nets import surface_nets
from scans.synthetic.field import probe, voxels
from scans.synthetic.tables import Crowns, Gums
from scans.vectors import dot


def surface(
    crowns: Crowns, gums: Gums, corner: np.ndarray, shape: tuple[int, int, int], voxel: float
) -> tuple[np.ndarray, np.ndarray]:
    """The surface of the jaw, but for up to half a voxel.

    Args:
        crowns: the teeth.
        gums: everything else.
        corner: (3,) mm, the first voxel; the solid must lie within the grid.
        shape: voxels along x, y and z.
        voxel: mm.

    Returns:
        vertices (V, 3) float64 mm; faces (F, 3) int32, outward.
    """
    field = voxels(crowns, gums, corner, shape, voxel)
    vertices, faces = surface_nets(field)
    return vertices * voxel + corner, faces


def onto_surface(crowns: Crowns, gums: Gums, vertices: np.ndarray, reach: float) -> np.ndarray:
    """Vertices (V, 3) moved onto the zero level set by two Newton steps, at most `reach` mm along each axis."""
    h = 0.02
    distance = probe(crowns, gums, vertices)[0]
    beside = [probe(crowns, gums, vertices + h * axis)[0] for axis in np.eye(3)]
    slope = (np.stack(beside, axis=1) - distance[:, None]) / h
    square = np.maximum(dot(slope, slope), 0.1)
    step = distance / square
    step += probe(crowns, gums, vertices - step[:, None] * slope)[0] / square
    return vertices - np.clip(step[:, None] * slope, -reach, reach)


def keep(vertices: np.ndarray, faces: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected piece of the faces whose vertices are all kept.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        kept: (V,) bool.

    Returns:
        vertices (W, 3); faces (G, 3) int32.
    """
    faces = faces[kept[faces].all(axis=1)]
    piece = face_components(faces, len(vertices))
    return keep_faces(vertices, faces, piece == np.bincount(piece).argmax())
