"""Screened Poisson reconstruction of a scan from farthest points on it, as in arXiv 2606.07907."""

import numpy as np
from scipy.spatial import cKDTree

from scans.errors import ScanError, UserError
from scans.mesh import Mesh
from scans.mesh_edit import compacted
from scans.sampling.poisson_disk import lattice_spacing
from scans.sampling.sample_surface import face_areas, sample_surface
from scans.vectors import ordered_sum


def reconstruct(mesh: Mesh, source: object, rng: np.random.Generator, *, count: int, depth: int) -> Mesh:
    """The screened Poisson reconstruction (Kazhdan and Hoppe 2013, by Open3D) from farthest points of a mesh.

    Poisson closes every surface. What it adds over borders and holes is cut off again: all that is farther from the
    points than these would be from each other on the densest lattice of the mesh's area.

    Args:
        mesh: clean (see `scans.preparing.cleaning`), its faces counter-clockwise seen from outside.
        source: the file, for messages.
        rng: all random numbers come from it.
        count: farthest points that the surface is made from, with their faces' normals.
        depth: of the octree; its finest cells measure the mesh's longest extent times 1.1 / 2^depth.

    Returns:
        a mesh with vertices of its own in the same frame and unit, each with the label of the nearest original vertex;
        the same bytes for the same input on one machine, for it is computed on one thread. On another processor,
        Open3D's last bits may differ.

    Raises:
        UserError: Open3D can't be imported.
        ScanError: no surface comes of the points.
    """
    try:
        import open3d
    except (ImportError, OSError) as error:  # OSError: a system library that it needs is missing
        raise UserError(
            f"prepare.surface=poisson needs Open3D, which can't be imported ({error}). "
            "Run `pip install -c constraints.txt -e '.[poisson]'` (and on Debian, where a system library is missing, "
            "`apt-get install libgomp1 libusb-1.0-0`), or set prepare.surface to scan"
        ) from None
    samples = sample_surface(mesh, count, rng, "fps")
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(samples.points))
    cloud.normals = open3d.utility.Vector3dVector(samples.normals.astype(np.float64))
    try:
        with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
            closed, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth, n_threads=1)
    except RuntimeError as error:
        raise ScanError(f"{source}: its Poisson reconstruction fails ({error}). {REMEDY}") from error
    vertices, faces = np.asarray(closed.vertices), np.asarray(closed.triangles)
    spacing = lattice_spacing(float(ordered_sum(face_areas(mesh.vertices, mesh.faces))), count)
    near = cKDTree(samples.points).query(vertices, distance_upper_bound=spacing)[0] < np.inf if len(vertices) else []
    faces = faces[np.asarray(near, bool)[faces].all(axis=1)]
    if len(faces) == 0:
        raise ScanError(f"{source}: no surface comes of its Poisson reconstruction. {REMEDY}")
    used, faces = compacted(faces, len(vertices))
    labels = None if mesh.labels is None else mesh.labels[cKDTree(mesh.vertices).query(vertices[used])[1]]
    return Mesh(vertices[used], faces, labels)


REMEDY = "Raise prepare.reconstruction.points, check that the scan's faces all look outward, or leave the scan out"
