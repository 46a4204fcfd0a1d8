"""From the solid to a triangle surface: surface nets on a voxel grid, and the part of it that a scan holds."""

import numpy as np

from scans.borders import sound
from scans.mesh_edit import face_components
from scans.surface_nets import surface_nets
from scans.synthetic.border import Border
from scans.synthetic.field import probe, voxels
from scans.synthetic.tables import Crowns, Gums
from scans.vectors import dot, unit

MOST_ISLANDS = 0.008  # of a scan's faces; prepare.max_removed_fraction takes 0.02 of its area
FEWEST_FACES = 4  # of an island


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
    """Vertices (V, 3) moved onto the zero level set, at most `reach` mm along each axis.

    By a Newton step, and a simplified one that takes the first one's slope again.
    """
    h = 0.02
    distance = probe(crowns, gums, vertices)[0]
    beside = [probe(crowns, gums, vertices + h * axis)[0] for axis in np.eye(3)]
    slope = (np.stack(beside, axis=1) - distance[:, None]) / h
    square = np.maximum(dot(slope, slope), 0.1)
    step = distance / square
    step += probe(crowns, gums, vertices - step[:, None] * slope)[0] / square
    return vertices - np.clip(step[:, None] * slope, -reach, reach)


def scanned(faces: np.ndarray, vertex_count: int, border: Border, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """The faces of the solid that a scan holds.

    Args:
        faces: (F, 3).
        vertex_count: of the solid.
        border: where the scan ends.
        closed: whether a base will close the scan, which then has no islands.

    Returns:
        the largest piece (G, 3), a sound surface (see `loops.sound`) where there is a border; the islands (H, 3),
        together at most MOST_ISLANDS of the faces.
    """
    kept = (border.inside > 0) & ~border.holes
    if kept.all():
        piece = face_components(faces, vertex_count)
        return faces[piece == np.bincount(piece).argmax()], faces[:0]
    main = sound(faces[kept[faces].all(axis=1)], vertex_count)
    if closed:
        return main, faces[:0]
    rest = (kept | border.islands)[faces].all(axis=1)
    used = np.zeros(vertex_count, bool)
    used[main] = True
    rest &= ~used[faces].any(axis=1)
    islands = faces[rest]
    if len(islands) == 0:
        return main, islands
    piece = face_components(islands, vertex_count)
    sizes = np.bincount(piece)
    small = sizes * (np.cumsum(sizes) <= MOST_ISLANDS * len(main))
    return main, islands[small[piece] >= FEWEST_FACES]


def normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of vertices, the mean of their faces' by area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    corner = faces.ravel()
    return unit(np.stack([np.bincount(corner, np.repeat(across[:, k], 3), len(vertices)) for k in range(3)], axis=1))
