"""Wavefront OBJ: `v`, `f` and nothing else, at compiled speed."""

import numpy as np
from numba import njit

from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.polygons import checked_faces, triangulate
from scans.mesh_files.text import (
    BLANK,
    MINUS,
    NINE,
    ZERO,
    doubled,
    ends_line,
    ends_token,
    fill_inexact,
    line_number,
    scan_number,
    skip_blanks,
    skip_line,
)

LETTER_V, LETTER_F, SLASH = 118, 102, 47
MOST_DIGITS = 9  # of a vertex number
BEYOND = 2**31 - 1  # no vertex can have it

FINE, SHORT_VERTEX, BAD_CORNER, ZERO_CORNER, NEGATIVE_BEYOND, SHORT_FACE, VERTICES_FULL, FACES_FULL = range(8)
REASONS = {
    SHORT_VERTEX: "a vertex has fewer than three coordinates",
    BAD_CORNER: "a face has a corner that is no vertex number",
    ZERO_CORNER: "a face refers to vertex 0, but OBJ counts from 1",
    NEGATIVE_BEYOND: "a face counts back beyond the first vertex",
    SHORT_FACE: "a face has fewer than three corners",
}


@njit(cache=True)
def scan_corner(data, i, end):
    """The vertex number of a corner `a`, `a/t`, `a//n` or `a/t/n` and the position after the corner, or −1."""
    negative = data[i] == MINUS
    if negative:
        i += 1
    start, number = i, 0
    while i < end and ZERO <= data[i] <= NINE:
        number = number * 10 + (data[i] - ZERO)
        i += 1
    if i == start:
        return 0, -1
    if i - start > MOST_DIGITS:
        number = BEYOND
    if i < end and data[i] == SLASH:  # texture and normal numbers
        while i < end and (data[i] == SLASH or data[i] == MINUS or ZERO <= data[i] <= NINE):
            i += 1
    if not ends_token(data, i, end):
        return 0, -1
    return (-number if negative else number), i


@njit(cache=True)
def scan_lines(data, at, vertices, faces, sizes, inexact, counts):
    """Read lines from byte `at` until the end, an error or a full array.

    The arrays are grown by the caller: one that is replaced inside a compiled loop costs a third of the speed.

    Args:
        vertices: (V, 3) float64, faces: (F, 3) int32 counted from 0, in fans, to be filled.
        sizes: (F,) int32, to be filled with the corners of each line's polygon.
        inexact: (3V, 3) int64, to be filled with the coordinates left to `python_float`: flat index, start, end.
        counts: (4,) int64, how many rows of vertices, faces, sizes and inexact are filled; updated.

    Returns:
        the start of the line to go on with, or of the one that is broken; a code.
    """
    end = len(data)
    n_vertices, n_faces, n_polygons, n_inexact = counts[0], counts[1], counts[2], counts[3]
    code = FINE
    while at < end:
        i = skip_blanks(data, at, end)
        keyword = i + 1 < end and BLANK[data[i + 1]]
        if keyword and data[i] == LETTER_V:
            if n_vertices == len(vertices):
                code = VERTICES_FULL
                break
            i += 1
            for axis in range(3):
                i = skip_blanks(data, i, end)
                if ends_line(data, i, end):
                    code = SHORT_VERTEX
                    break
                value, after, exact = scan_number(data, i, end)
                vertices[n_vertices, axis] = value
                if not exact:
                    after = max(after, i + 1)
                    inexact[n_inexact, 0] = 3 * n_vertices + axis
                    inexact[n_inexact, 1] = i
                    inexact[n_inexact, 2] = after
                    n_inexact += 1
                i = after
            n_vertices += 1
        elif keyword and data[i] == LETTER_F:
            i = skip_blanks(data, i + 1, end)
            first, previous, corners = 0, 0, 0
            while not ends_line(data, i, end):
                number, after = scan_corner(data, i, end)
                if after < 0:
                    code = BAD_CORNER
                    break
                corner = number - 1 if number > 0 else n_vertices + number
                if number == 0 or corner < 0:
                    code = ZERO_CORNER if number == 0 else NEGATIVE_BEYOND
                    break
                if corners == 0:
                    first = corner
                elif corners >= 2:
                    if n_faces == len(faces):
                        code = FACES_FULL
                        n_faces -= corners - 2  # the line's triangles so far, read again
                        break
                    faces[n_faces, 0] = first
                    faces[n_faces, 1] = previous
                    faces[n_faces, 2] = corner
                    n_faces += 1
                previous = corner
                corners += 1
                i = skip_blanks(data, after, end)
            if code == FINE and corners < 3:
                code = SHORT_FACE
            elif code == FINE:
                sizes[n_polygons] = corners
                n_polygons += 1
        if code != FINE:
            break
        at = skip_line(data, i, end)
    counts[0], counts[1], counts[2], counts[3] = n_vertices, n_faces, n_polygons, n_inexact
    return at, code


def parse_obj(data: bytes) -> Parsed:
    """The triangles of an OBJ file, every vertex in the file's order.

    Polygons are cut into triangles. Normals, texture coordinates, colours, groups and materials are left aside.

    Raises:
        MalformedError: a vertex or face line is broken, or a face refers to a vertex that isn't there.
    """
    bytes_ = np.frombuffer(data, np.uint8)
    vertices = np.empty((len(data) // 80 + 16, 3))
    inexact = np.empty((3 * len(vertices), 3), np.int64)
    faces = np.empty((len(data) // 40 + 16, 3), np.int32)
    sizes = np.empty(len(faces), np.int32)
    counts = np.zeros(4, np.int64)
    at, code = scan_lines(bytes_, 0, vertices, faces, sizes, inexact, counts)
    while code in (VERTICES_FULL, FACES_FULL):
        if code == VERTICES_FULL:
            vertices, inexact = doubled(vertices), doubled(inexact)
        else:
            faces, sizes = doubled(faces), doubled(sizes)
        at, code = scan_lines(bytes_, at, vertices, faces, sizes, inexact, counts)
    if code != FINE:
        raise MalformedError(f"line {line_number(data, at)}: {REASONS[code]}")
    vertices, faces, sizes = vertices[: counts[0]].copy(), faces[: counts[1]], sizes[: counts[2]]
    fill_inexact(vertices.reshape(-1), inexact[: counts[3]], data)
    if len(faces) == len(sizes):
        return Parsed(vertices, checked_faces(faces, len(vertices)).copy())
    return Parsed(vertices, triangulate(vertices, corners_of_fans(faces, sizes), sizes)[0])


def corners_of_fans(faces: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The corners (C,) of polygons, one after another, that lie as fans in `faces` (C − 2P, 3); sizes (P,)."""
    starts = np.cumsum(sizes, dtype=np.int64) - sizes
    corners = np.empty(int(sizes.sum(dtype=np.int64)), faces.dtype)
    further = np.ones(len(corners), bool)
    further[starts] = further[starts + 1] = False
    fans = starts - 2 * np.arange(len(sizes))
    corners[starts], corners[starts + 1], corners[further] = faces[fans, 0], faces[fans, 1], faces[:, 2]
    return corners
