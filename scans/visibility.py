"""The visibility buffer: per sample of a picture, the index of the nearest face and its inverse depth.

Two passes: the first projects every vertex and snaps it to 1/256 of a pixel, the second rasterises every face. Shading,
depth, normals and labels are further passes over the samples of the buffer, whatever the size of the mesh.

The rules are OpenGL's:

- A pixel has one sample, at its centre, or four on the usual rotated grid. A face covers a sample if the sample lies
  inside the snapped triangle or on its top or left edge. The edge functions are integers: faces that share an edge
  neither leave a gap nor both cover a sample.
- Depth test: the nearest face wins; of equally near ones, that with the lowest index.
- Faces are clipped at the near plane (NEAR). There is no far plane and no back-face culling: open scans show their
  inside.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from scans.cameras import Camera

NEAR = 0.05
"""Distance of the near plane in units of the mesh."""

_SHIFT = 8
_SUBPIXELS = 1 << _SHIFT  # snapping grid per pixel, as in most OpenGL implementations
MIDDLE_COLUMN, ROTATED_COLUMNS = (0.5,), (0.625, 0.125, 0.875, 0.375)
"""Columns of a pixel's samples, from its top down, with one sample or four."""
_MIDDLE, _ROTATED = 128, 96 << 24 | 224 << 16 | 32 << 8 | 160  # the same on the snapping grid, a byte for each
# Farther from the picture's corner than this many pixels, faces are cut. The edge functions, products of two
# differences of snapped coordinates, then stay inside 64 bits.
_REACH = 2.0**20
_PLANES = 5  # near, left, right, top, bottom
_CUT = np.int32(-(2**31))  # in the place of a snapped column: the vertex is too near or out of reach


def visibility_buffers(
    vertices: np.ndarray, faces: np.ndarray, cameras: Sequence[Camera], *, samples: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rasterise a mesh for each camera.

    Args:
        vertices: (V, 3) float64, finite, in the cameras' world.
        faces: (F, 3) int32, valid indices into `vertices`.
        cameras: One per buffer, all of one picture size.
        samples: Samples per pixel, 1 or 4.

    Yields:
        face_ids: (H * samples, W) int32, index of the nearest face, -1 where there is none. Pixel (r, c) has the
            samples (r * samples + s, c), from its top down.
        nearness: (H * samples, W) float64, inverse depth along the camera's axis, or minus the depth for an
            orthographic camera; -inf where there is no face. Both arrays are overwritten for the next camera.
    """
    shape = (cameras[0].height * samples, cameras[0].width)
    face_ids, nearness = np.empty(shape, dtype=np.int32), np.empty(shape)
    # Fresh memory for each camera would cost a seventh of the time.
    screen, vertex_nearness = np.empty((len(vertices), 2), dtype=np.int32), np.empty(len(vertices))
    # Unsigned indices spare numba the test for negative ones, a tenth of the time.
    faces = faces.view(np.uint32)
    for camera in cameras:
        face_ids.fill(-1)
        nearness.fill(-np.inf)
        _enter_faces(vertices, faces, lens_of(camera), samples, screen, vertex_nearness, face_ids, nearness)
        yield face_ids, nearness


class Lens(NamedTuple):
    """A camera for compiled code. Floats only: arrays would be reference-counted at every call."""

    right: tuple[float, float, float]
    up: tuple[float, float, float]
    backward: tuple[float, float, float]
    position: tuple[float, float, float]
    fx: float
    fy: float
    cx: float
    cy: float
    perspective: bool


def lens_of(camera: Camera) -> Lens:
    """The camera for compiled code."""
    right, up, backward, position = (tuple(column.tolist()) for column in camera.transform[:3].T)
    fx, fy, cx, cy = map(float, (camera.fx, camera.fy, camera.cx, camera.cy))
    return Lens(right, up, backward, position, fx, fy, cx, cy, not camera.orthographic)


@njit(cache=True, nogil=True, error_model="numpy")
def _enter_faces(vertices, faces, lens, samples, screen, near, face_ids, nearness):
    """Both passes."""
    _project(vertices, lens, screen, near)
    # Samples stand in the middles of a grid's cells: of pixels, or of their quarters.
    columns, shift = (_MIDDLE, _SHIFT) if samples == 1 else (_ROTATED, _SHIFT - 2)
    half = 1 << (shift - 1)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, x1, x2 = screen[i, 0], screen[j, 0], screen[k, 0]
        if min(x0, x1, x2) == _CUT:
            _fill_cut(f, vertices, i, j, k, lens, columns, shift, face_ids, nearness)
            continue
        # Most faces of a scan are smaller than a pixel; these two tests are all that many of them cost.
        if (min(x0, x1, x2) + half - 1) >> shift > (max(x0, x1, x2) - half) >> shift:
            continue
        y0, y1, y2 = screen[i, 1], screen[j, 1], screen[k, 1]
        if (min(y0, y1, y2) + half - 1) >> shift > (max(y0, y1, y2) - half) >> shift:
            continue
        _fill(f, x0, y0, x1, y1, x2, y2, near[i], near[j], near[k], columns, shift, face_ids, nearness)


@njit(cache=True, error_model="numpy")
def _project(vertices, lens, screen, nearness):
    """Fills in snapped columns and rows (V, 2) int32, and nearness (V,) float64."""
    for i in range(len(vertices)):
        x, y, depth = _to_camera(vertices, i, lens)
        scale = depth if lens.perspective else 1.0
        reach = _REACH * scale
        if depth < NEAR or abs(x) > reach or abs(y) > reach:
            screen[i, 0] = _CUT
        else:
            inverse = 1.0 / scale
            nearness[i] = inverse if lens.perspective else -depth
            screen[i, 0] = _snap(x * inverse)
            screen[i, 1] = _snap(y * inverse)


@njit(cache=True, error_model="numpy")
def _to_camera(vertices, i, lens):
    """Homogeneous picture coordinates of a vertex, column * scale and row * scale, and its depth.

    The scale is the depth for a perspective camera, else 1.
    """
    x, y, z = vertices[i, 0] - lens.position[0], vertices[i, 1] - lens.position[1], vertices[i, 2] - lens.position[2]
    right = x * lens.right[0] + y * lens.right[1] + z * lens.right[2]
    up = x * lens.up[0] + y * lens.up[1] + z * lens.up[2]
    depth = -(x * lens.backward[0] + y * lens.backward[1] + z * lens.backward[2])
    scale = depth if lens.perspective else 1.0
    return lens.fx * right + lens.cx * scale, lens.cy * scale - lens.fy * up, depth


@njit(cache=True)
def _snap(coordinate):
    return np.int32(math.floor(coordinate * _SUBPIXELS + 0.5))


@njit(cache=True, inline="always", error_model="numpy")
def _fill(face, x0, y0, x1, y1, x2, y2, near0, near1, near2, columns, shift, face_ids, nearness):
    """Enters one snapped triangle into the buffer."""
    height, width = face_ids.shape
    half = 1 << (shift - 1)
    first_row = max((min(y0, y1, y2) + half - 1) >> shift, 0)
    last_row = min((max(y0, y1, y2) - half) >> shift, height - 1)
    ax, ay = np.int64(x0), np.int64(y0)
    bx, by = np.int64(x1), np.int64(y1)
    cx, cy = np.int64(x2), np.int64(y2)
    left, right = np.int64(max(min(x0, x1, x2), 0)), np.int64(min(max(x0, x1, x2), (width << _SHIFT) - 1))
    doubled_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if first_row <= last_row and left <= right and doubled_area != 0:
        if doubled_area < 0:
            bx, by, cx, cy = cx, cy, bx, by
            near1, near2 = near2, near1
            doubled_area = -doubled_area
        ab_x, ab_y, bc_x, bc_y, ca_x, ca_y = bx - ax, by - ay, cx - bx, cy - by, ax - cx, ay - cy
        # On an edge, its function is zero: inside for top and left edges alone.
        least_a = 0 if bc_y < 0 or (bc_y == 0 and bc_x > 0) else 1
        least_b = 0 if ca_y < 0 or (ca_y == 0 and ca_x > 0) else 1
        least_c = 0 if ab_y < 0 or (ab_y == 0 and ab_x > 0) else 1
        # The edge functions opposite a, b and c, less their least value inside, on the left border of the first row.
        y = (np.int64(first_row) << shift) + half
        row_a = bc_x * (y - by) - bc_y * (left - bx) - least_a
        row_b = ca_x * (y - cy) - ca_y * (left - cx) - least_b
        row_c = ab_x * (y - ay) - ab_y * (left - ax) - least_c
        samples_mask = (1 << (_SHIFT - shift)) - 1
        scale = 1.0 / doubled_area
        for row in range(first_row, last_row + 1):
            # From the border to the first sample of this row, and from there in steps of a pixel.
            step = ((columns >> ((row & samples_mask) << 3)) - left) & (_SUBPIXELS - 1)
            x, a, b, c = left + step, row_a - bc_y * step, row_b - ca_y * step, row_c - ab_y * step
            while True:
                if a | b | c | (right - x) >= 0:  # none is negative
                    near = ((a + least_a) * near0 + (b + least_b) * near1 + (c + least_c) * near2) * scale
                    r, s = np.uint64(row), np.uint64(x >> _SHIFT)
                    if near > nearness[r, s]:
                        nearness[r, s] = near
                        face_ids[r, s] = face
                x += _SUBPIXELS
                if x > right:
                    break
                a -= bc_y << _SHIFT
                b -= ca_y << _SHIFT
                c -= ab_y << _SHIFT
            row_a += bc_x << shift
            row_b += ca_x << shift
            row_c += ab_x << shift


@njit(cache=True, error_model="numpy")
def _fill_cut(face, vertices, i, j, k, lens, columns, shift, face_ids, nearness):
    """Enters a face that the near plane or the reach cuts (Sutherland and Hodgman, in homogeneous coordinates)."""
    polygon, kept = np.empty((3 + _PLANES, 3)), np.empty((3 + _PLANES, 3))
    for corner, vertex in enumerate((i, j, k)):
        polygon[corner, 0], polygon[corner, 1], polygon[corner, 2] = _to_camera(vertices, vertex, lens)
    count = 3
    for plane in range(_PLANES):
        kept_count = 0
        for corner in range(count):
            following = (corner + 1) % count
            here, there = _inside(polygon, corner, plane, lens), _inside(polygon, following, plane, lens)
            if here >= 0.0:
                for axis in range(3):
                    kept[kept_count, axis] = polygon[corner, axis]
                kept_count += 1
            if (here >= 0.0) != (there >= 0.0):
                # Always from the inner end, so that both faces of an edge find the same point.
                start, end, fraction = corner, following, here / (here - there)
                if here < 0.0:
                    start, end, fraction = following, corner, there / (there - here)
                for axis in range(3):
                    along = polygon[end, axis] - polygon[start, axis]
                    kept[kept_count, axis] = polygon[start, axis] + fraction * along
                kept_count += 1
        polygon, kept, count = kept, polygon, kept_count
    for corner in range(count):
        if lens.perspective:
            polygon[corner, 2] = 1.0 / polygon[corner, 2]
            polygon[corner, 0] *= polygon[corner, 2]
            polygon[corner, 1] *= polygon[corner, 2]
        else:
            polygon[corner, 2] = -polygon[corner, 2]
    for corner in range(1, count - 1):
        x0, x1, x2 = _snap(polygon[0, 0]), _snap(polygon[corner, 0]), _snap(polygon[corner + 1, 0])
        y0, y1, y2 = _snap(polygon[0, 1]), _snap(polygon[corner, 1]), _snap(polygon[corner + 1, 1])
        near0, near1, near2 = polygon[0, 2], polygon[corner, 2], polygon[corner + 1, 2]
        _fill(face, x0, y0, x1, y1, x2, y2, near0, near1, near2, columns, shift, face_ids, nearness)


@njit(cache=True)
def _inside(polygon, corner, plane, lens):
    """How far a homogeneous point is on the inner side of a cutting plane, negative outside; the first is the near one.

    The others stand at half the reach, so that rounding stays within it.
    """
    x, y, depth = polygon[corner, 0], polygon[corner, 1], polygon[corner, 2]
    if plane == 0:
        return depth - NEAR
    border = 0.5 * _REACH * (depth if lens.perspective else 1.0)
    if plane == 1:
        return border + x
    if plane == 2:
        return border - x
    if plane == 3:
        return border + y
    return border - y
