"""Renders views of a mesh with one of the backends."""

from collections.abc import Sequence

import numpy as np

from renderers import opengl
from renderers.normals import vertex_normals
from renderers.rasteriser import rasteriser
from renderers.rasteriser.shading import ColourShading, Shading
from scans.cameras import Camera
from scans.errors import ScanError, UserError
from scans.mesh import GINGIVA

BACKENDS = ("numba", "pyrender")

_FARTHEST = 1e9  # no scan in any unit has such coordinates, and squares of them are still exact enough


def render_views(
    vertices: np.ndarray,
    faces: np.ndarray,
    cameras: Sequence[Camera],
    shading: Shading | ColourShading,
    *,
    backend: str,
    samples: int,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Render a mesh with smooth normals and two-sided lighting.

    Args:
        vertices: (V, 3) float, in the world of the cameras (normalised Teeth3DS frame for `ring_rig`).
        faces: (F, 3) int, indices into `vertices`, counter-clockwise seen from outside.
        cameras: One per picture, all of one picture size.
        shading: Materials, light and background; `ColourShading` needs labels and the backend `numba`.
        backend: `numba`, the rasteriser of this package: the same bytes everywhere, no system package. `pyrender`:
            OpenGL over EGL, on the GPU where its driver has EGL.
        samples: Samples per pixel: 1, or 4 for anti-aliasing, on the rotated grid of OpenGL's multisampling.
        labels: (V,) uint8 FDI number per vertex, 0 = gingiva, which tells teeth from gingiva.

    Returns:
        (views, H, W) uint8, or (views, H, W, 3) RGB for `ColourShading`.

    Raises:
        ScanError: The mesh has no face, coordinates that are not finite or beyond 1e9, indices out of range, or no
            labels where they are needed.
        UserError: An unknown backend, one that can't do this or can't run here, another number of samples, or mixed
            picture sizes.
    """
    if backend not in BACKENDS:
        raise UserError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if samples not in (1, 4):
        raise UserError(f"samples: expected 1 or 4 per pixel, got {samples}")
    vertices, faces = checked_mesh(vertices, faces, cameras)
    normals = vertex_normals(vertices, faces)
    if isinstance(shading, ColourShading):
        if backend != "numba":
            raise UserError(f"backend: colour needs numba, got {backend!r}")
        teeth = (require_labels(labels, vertices) != GINGIVA).astype(np.float64)
        return rasteriser.render(vertices, faces, normals, teeth, cameras, shading, samples=samples)
    if backend == "pyrender":
        return opengl.render(vertices, faces, normals, cameras, shading, samples=samples)
    return rasteriser.render(vertices, faces, normals, np.empty(0), cameras, shading, samples=samples)


def require_labels(labels: np.ndarray | None, vertices: np.ndarray) -> np.ndarray:
    """The labels, one per vertex.

    Raises:
        ScanError: There are none, or of another number.
    """
    if labels is None:
        raise ScanError("mesh: no FDI labels, without which teeth can't be told from gingiva; leave the scan out")
    if labels.shape != (len(vertices),) or labels.dtype != np.uint8:
        raise ScanError(f"mesh: expected labels of ({len(vertices)},) uint8, got {labels.shape} of {labels.dtype}")
    return labels


def checked_mesh(vertices: np.ndarray, faces: np.ndarray, cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Check a mesh and convert it to contiguous (V, 3) float64 vertices and (F, 3) int32 faces.

    Raises:
        ScanError: As in `render_views`.
        UserError: No camera, or mixed picture sizes.
    """
    if len({(camera.width, camera.height) for camera in cameras}) != 1:
        raise UserError("cameras: expected at least one, and the same picture size for all")
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.issubdtype(vertices.dtype, np.floating):
        raise ScanError(f"mesh: expected vertices of (V, 3) floats, got {vertices.shape} of {vertices.dtype}")
    if faces.ndim != 2 or faces.shape[1] != 3 or not np.issubdtype(faces.dtype, np.integer) or len(faces) == 0:
        raise ScanError(f"mesh: expected faces of (F, 3) integers, F > 0, got {faces.shape} of {faces.dtype}")
    # Written so that NaN fails it too.
    if not (np.abs(vertices).max(initial=0.0) <= _FARTHEST):
        raise ScanError(f"mesh: coordinates are not finite or beyond {_FARTHEST:g}; clean and normalise the scan first")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ScanError(
            f"mesh: faces use vertices {faces.min()} to {faces.max()} of {len(vertices)}; the scan is damaged"
        )
    return np.ascontiguousarray(vertices, dtype=np.float64), np.ascontiguousarray(faces, dtype=np.int32)
