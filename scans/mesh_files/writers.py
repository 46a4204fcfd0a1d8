"""Surfaces and points as PLY, STL, GLB and 3MF, mostly by trimesh; coordinates and their order stay as they are.

GLB's unit is the metre by its standard; we write the caller's units, as scanners' software does, and readers here read
them so.
"""

from collections.abc import Mapping

import numpy as np
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.three_mf import encode_3mf

SURFACE_FORMATS = ("ply", "stl", "glb", "3mf")
POINT_FORMATS = ("ply", "glb")


def encode_surface(
    mesh: Mesh,
    form: str,
    colours: np.ndarray | None = None,
    properties: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """A mesh as a file.

    Args:
        mesh: in any units, for 3MF in mm. PLY keeps its labels as the vertex property `label`, the others can't.
        form: one of SURFACE_FORMATS; STL is binary and keeps no colours.
        colours: (V, 3) uint8 RGB of the vertices.
        properties: further numbers of the vertices for PLY, (V,) each, by name.

    Returns:
        The file's bytes, the same for the same mesh.
    """
    if form == "3mf":
        return encode_3mf(mesh, colours)
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False, vertex_colors=colours)
    if form == "ply":
        whole.vertex_attributes.update(properties or {})
        if mesh.labels is not None:
            whole.vertex_attributes["label"] = mesh.labels
    return whole.export(file_type=form)


def encode_points(
    points: np.ndarray,
    form: str,
    *,
    normals: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    colours: np.ndarray | None = None,
    properties: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """Points as a file.

    Args:
        points: (N, 3).
        form: one of POINT_FORMATS.
        normals: (N, 3), in PLY nx, ny, nz. labels: (N,) uint8, in PLY `label`. GLB keeps neither.
        colours: (N, 3) uint8 RGB.
        properties: further numbers of the points for PLY, (N,) each, by name.
    """
    cloud = trimesh.PointCloud(points, colors=colours)
    if form == "ply":
        cloud.vertex_attributes = dict(properties or {})
        if normals is not None:
            cloud.vertex_attributes |= {
                name: normals[:, axis].astype(np.float32) for axis, name in enumerate(("nx", "ny", "nz"))
            }
        if labels is not None:
            cloud.vertex_attributes["label"] = labels
    return cloud.export(file_type=form)
