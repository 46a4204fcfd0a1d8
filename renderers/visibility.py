"""The visibility buffer: which face each sample of a picture shows, and how near it is.

Two passes: the first projects every vertex once and snaps it to 1/256 of a sample, the second enters every face into
the buffer. That is all that depends on the mesh's size; any picture of the view (shaded, depth, normals, labels) is a
further pass over the samples of the buffer.

The rules, which are OpenGL's:

- A sample is one point, in the middle of its pixel or of its part of the pixel. A face covers it if the point lies
  inside the snapped triangle or on its top or left edge, decided in whole numbers: faces that share an edge neither
  leave a gap nor both cover a sample.
- The nearest face wins. Of equally near ones, the one with the lowest number.
- What lies nearer to the camera than NEAR is cut away. There is no far plane, and no face is culled: open scans
  show their inside.
"""

import math

import numpy as np
from numba import njit

from renderers.cameras import Camera

# numba's cache watches the file of a function alone: a change in another file would not recompile it. So compiled
# functions call only functions of their own file and use only its constants.
NEAR = 0.05
"""Distance of the near plane in units of the mesh."""

_SHIFT = 8
_SUBSAMPLES = 1 << _SHIFT  # snapping grid per sample, as in most OpenGL implementations
_HALF = _SUBSAMPLES // 2
# Farther from the picture's corner than this many samples, faces are cut. The edge functions, products of two
# differences of snapped coordinates, then stay inside 64 bits.
_REACH = 2.0**20
_PLANES = 5  # near, left, right, top, bottom
_FAR_AWAY = 1e7
_CUT = np.int32(-(2**31))  # in the place of a snapped column: the vertex is too near or out of reach


def pixel_grid(camera: Camera, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The camera as contiguous float64 arrays: rotation (3, 3), position (3,), and (fx, fy, cx, cy) in samples.

    An orthographic camera is one that stands _FAR_AWAY behind its place, with a lens as long: within the picture, its
    lines of sight are parallel to a millionth of a sample.
    """
    away = _FAR_AWAY if camera.orthographic else 0.0
    stretch = _FAR_AWAY if camera.orthographic else 1.0
    intrinsics = np.array((stretch * camera.fx, stretch * camera.fy, camera.cx, camera.cy), dtype=np.float64) * samples
    position = camera.position + away * camera.rotation[:, 2]
    return np.ascontiguousarray(camera.rotation), np.ascontiguousarray(position), intrinsics


def visibility(
    vertices: np.ndarray, faces: np.ndarray, camera: Camera, *, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees.

    Args:
        vertices: (V, 3) float64, finite, in the camera's world.
        faces: (F, 3) int32, valid indices into `vertices`.
        camera: The camera.
        samples: Samples per side of a pixel.

    Returns:
        face_ids: (H * samples, W * samples) int32, the number of the nearest face, -1 where there is none.
        nearness: the same of float64, one over the depth along the line of sight, 0 where there is no face.
    """
    shape = (camera.height * samples, camera.width * samples)
    face_ids, nearness = np.full(shape, -1, dtype=np.int32), np.zeros(shape)
    # Unsigned indices spare numba the test for negative ones, a tenth of the time.
    _enter_faces(vertices, faces.view(np.uint32), *pixel_grid(camera, samples), face_ids, nearness)
    return face_ids, nearness


@njit(cache=True)
def _enter_faces(vertices, faces, rotation, position, intrinsics, face_ids, nearness):
    """Both passes."""
    screen, near = _project(vertices, rotation, position, intrinsics)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, x1, x2 = screen[i, 0], screen[j, 0], screen[k, 0]
        if min(x0, x1, x2) == _CUT:
            _fill_cut(f, vertices, i, j, k, rotation, position, intrinsics, face_ids, nearness)
            continue
        # Most faces of a scan are smaller than a sample; these two tests are all that they cost.
        if _between_samples(min(x0, x1, x2), max(x0, x1, x2)):
            continue
        y0, y1, y2 = screen[i, 1], screen[j, 1], screen[k, 1]
        if _between_samples(min(y0, y1, y2), max(y0, y1, y2)):
            continue
        _fill(f, x0, y0, x1, y1, x2, y2, near[i], near[j], near[k], face_ids, nearness)


@njit(cache=True)
def _project(vertices, rotation, position, intrinsics):
    """Snapped columns and rows (V, 2) int32, and one over the depth (V,) float64."""
    screen, nearness = np.empty((len(vertices), 2), dtype=np.int32), np.empty(len(vertices))
    for i in range(len(vertices)):
        x, y, depth = _to_camera(vertices, i, rotation, position, intrinsics)
        reach = _REACH * depth
        if depth < NEAR or abs(x) > reach or abs(y) > reach:
            screen[i, 0] = _CUT
        else:
            nearness[i] = 1.0 / depth
            screen[i, 0] = _snap(x * nearness[i])
            screen[i, 1] = _snap(y * nearness[i])
    return screen, nearness


@njit(cache=True)
def _to_camera(vertices, i, rotation, position, intrinsics):
    """Homogeneous picture coordinates of a vertex: column * depth, row * depth, depth."""
    x, y, z = vertices[i, 0] - position[0], vertices[i, 1] - position[1], vertices[i, 2] - position[2]
    right = x * rotation[0, 0] + y * rotation[1, 0] + z * rotation[2, 0]
    up = x * rotation[0, 1] + y * rotation[1, 1] + z * rotation[2, 1]
    depth = -(x * rotation[0, 2] + y * rotation[1, 2] + z * rotation[2, 2])
    return intrinsics[0] * right + intrinsics[2] * depth, intrinsics[3] * depth - intrinsics[1] * up, depth


@njit(cache=True)
def _snap(coordinate):
    return np.int32(math.floor(coordinate * _SUBSAMPLES + 0.5))


@njit(cache=True)
def _between_samples(low, high):
    """Whether no sample lies between two snapped coordinates."""
    return (low + (_HALF - 1)) >> _SHIFT > (high - _HALF) >> _SHIFT


@njit(cache=True, inline="always")
def _fill(face, x0, y0, x1, y1, x2, y2, near0, near1, near2, face_ids, nearness):
    """Enters one snapped triangle into the buffer."""
    height, width = face_ids.shape
    first_column = max((min(x0, x1, x2) + (_HALF - 1)) >> _SHIFT, 0)
    last_column = min((max(x0, x1, x2) - _HALF) >> _SHIFT, width - 1)
    first_row = max((min(y0, y1, y2) + (_HALF - 1)) >> _SHIFT, 0)
    last_row = min((max(y0, y1, y2) - _HALF) >> _SHIFT, height - 1)
    ax, ay = np.int64(x0), np.int64(y0)
    bx, by = np.int64(x1), np.int64(y1)
    cx, cy = np.int64(x2), np.int64(y2)
    doubled_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if first_column <= last_column and first_row <= last_row and doubled_area != 0:
        if doubled_area < 0:
            bx, by, cx, cy = cx, cy, bx, by
            near1, near2 = near2, near1
            doubled_area = -doubled_area
        # The edge functions opposite a, b and c at the first sample, and their steps along a row and down a column.
        px, py = np.int64(first_column) * _SUBSAMPLES + _HALF, np.int64(first_row) * _SUBSAMPLES + _HALF
        row_a = (cx - bx) * (py - by) - (cy - by) * (px - bx)
        row_b = (ax - cx) * (py - cy) - (ay - cy) * (px - cx)
        row_c = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
        right_a, right_b, right_c = (by - cy) * _SUBSAMPLES, (cy - ay) * _SUBSAMPLES, (ay - by) * _SUBSAMPLES
        down_a, down_b, down_c = (cx - bx) * _SUBSAMPLES, (ax - cx) * _SUBSAMPLES, (bx - ax) * _SUBSAMPLES
        # On an edge, the function is zero: inside for top and left edges alone.
        least_a = 0 if right_a > 0 or (right_a == 0 and down_a > 0) else 1
        least_b = 0 if right_b > 0 or (right_b == 0 and down_b > 0) else 1
        least_c = 0 if right_c > 0 or (right_c == 0 and down_c > 0) else 1
        for row in range(first_row, last_row + 1):
            a, b, c = row_a, row_b, row_c
            for column in range(first_column, last_column + 1):
                if a >= least_a and b >= least_b and c >= least_c:
                    near = (a * near0 + b * near1 + c * near2) / doubled_area
                    if near > nearness[row, column]:
                        nearness[row, column] = near
                        face_ids[row, column] = face
                a += right_a
                b += right_b
                c += right_c
            row_a += down_a
            row_b += down_b
            row_c += down_c


@njit(cache=True)
def _fill_cut(face, vertices, i, j, k, rotation, position, intrinsics, face_ids, nearness):
    """Enters a face that the near plane or the reach cuts (Sutherland and Hodgman, in homogeneous coordinates)."""
    polygon, kept = np.empty((3 + _PLANES, 3)), np.empty((3 + _PLANES, 3))
    for corner, vertex in enumerate((i, j, k)):
        polygon[corner, 0], polygon[corner, 1], polygon[corner, 2] = _to_camera(
            vertices, vertex, rotation, position, intrinsics
        )
    count = 3
    for plane in range(_PLANES):
        kept_count = 0
        for corner in range(count):
            following = (corner + 1) % count
            here, there = _inside(polygon, corner, plane), _inside(polygon, following, plane)
            if here >= 0.0:
                for axis in range(3):
                    kept[kept_count, axis] = polygon[corner, axis]
                kept_count += 1
            if (here >= 0.0) != (there >= 0.0):
                # Always from the inner end, so that both faces of an edge find the same point.
                start, end, share = corner, following, here / (here - there)
                if here < 0.0:
                    start, end, share = following, corner, there / (there - here)
                for axis in range(3):
                    kept[kept_count, axis] = polygon[start, axis] + share * (polygon[end, axis] - polygon[start, axis])
                kept_count += 1
        polygon, kept, count = kept, polygon, kept_count
    for corner in range(count):
        polygon[corner, 2] = 1.0 / polygon[corner, 2]
        polygon[corner, 0] *= polygon[corner, 2]
        polygon[corner, 1] *= polygon[corner, 2]
    for corner in range(1, count - 1):
        x0, x1, x2 = _snap(polygon[0, 0]), _snap(polygon[corner, 0]), _snap(polygon[corner + 1, 0])
        y0, y1, y2 = _snap(polygon[0, 1]), _snap(polygon[corner, 1]), _snap(polygon[corner + 1, 1])
        near0, near1, near2 = polygon[0, 2], polygon[corner, 2], polygon[corner + 1, 2]
        _fill(face, x0, y0, x1, y1, x2, y2, near0, near1, near2, face_ids, nearness)


@njit(cache=True)
def _inside(polygon, corner, plane):
    """How far a homogeneous point is on the inner side of a cutting plane, negative outside; the first is the near one.

    The others stand at half the reach, so that rounding stays within it.
    """
    x, y, depth = polygon[corner, 0], polygon[corner, 1], polygon[corner, 2]
    if plane == 0:
        return depth - NEAR
    if plane == 1:
        return 0.5 * _REACH * depth + x
    if plane == 2:
        return 0.5 * _REACH * depth - x
    if plane == 3:
        return 0.5 * _REACH * depth + y
    return 0.5 * _REACH * depth - y
