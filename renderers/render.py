"""Pictures of a mesh from a list of cameras, by the backend of choice."""

from collections.abc import Sequence

import numpy as np

from renderers import opengl, rasterizer
from renderers.cameras import Camera
from renderers.normals import vertex_normals
from renderers.shading import Shading
from scans.errors import ScanError, UserError

BACKENDS = ("numba", "pyrender")

_FARTHEST = 1e9  # no scan in any unit has such coordinates, and squares of them are still exact enough


def render_views(
    vertices: np.ndarray, faces: np.ndarray, cameras: Sequence[Camera], shading: Shading, *, backend: str, samples: int
) -> np.ndarray:
    """Shaded pictures of a mesh with smooth normals, both sides of its faces lit alike.

    Args:
        vertices: (V, 3) float, in the world of the cameras (normalised Teeth3DS frame for `ring_rig`).
        faces: (F, 3) int, indices into `vertices`, counter-clockwise seen from outside.
        cameras: One per picture, all of one picture size.
        shading: Material, light and background.
        backend: `numba`, the rasteriser of this package: the same bytes everywhere, no system package. `pyrender`:
            OpenGL over EGL, on the GPU where its driver has EGL.
        samples: 1 for one sample per pixel, 2 for anti-aliasing: a box filter over 2 x 2 samples with `numba`, the
            four samples of OpenGL's multisampling with `pyrender`.

    Returns:
        (views, H, W) uint8.

    Raises:
        ScanError: The mesh has no face, coordinates that are not finite or beyond 1e9, or indices out of range.
        UserError: An unknown backend, one that can't run here, another number of samples, or mixed picture sizes.
    """
    if backend not in BACKENDS:
        raise UserError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if samples not in (1, 2):
        raise UserError(f"samples: expected 1 or 2 per pixel side, got {samples}")
    if len({(camera.width, camera.height) for camera in cameras}) != 1:
        raise UserError("cameras: expected at least one, and the same picture size for all")
    vertices, faces = _checked(vertices, faces)
    normals = vertex_normals(vertices, faces)
    if backend == "pyrender":
        return opengl.render(vertices, faces, normals, cameras, shading, samples=samples)
    return np.stack(
        [rasterizer.render(vertices, faces, normals, camera, shading, samples=samples) for camera in cameras]
    )


def _checked(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh as the backends take it: contiguous (V, 3) float64 and (F, 3) int32, safe to index and to project."""
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
