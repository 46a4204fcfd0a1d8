"""STL, text and binary. It repeats a vertex in each of its faces; here they become one again."""

import numpy as np
from numba import njit

from scans.mesh import Mesh
from scans.mesh_files.malformed import MalformedError
from scans.mesh_files.text import doubled, ends_line, fill_inexact, scan_number, skip_blanks, skip_line

HEADER = 84
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
VERTEX = np.frombuffer(b"vertex", np.uint8)
LOOP_END = np.frombuffer(b"endloop", np.uint8)


def is_binary(data: bytes) -> bool:
    """Whether the file is exactly as long as a binary STL with its face count is."""
    return len(data) >= HEADER and len(data) == HEADER + RECORD.itemsize * int.from_bytes(data[80:84], "little")


@njit(cache=True)
def starts_with(data, i, end, word):
    """Whether the word stands at i, in any case."""
    same = i + len(word) <= end
    k = 0
    while same and k < len(word):
        same = data[i + k] | 32 == word[k]
        k += 1
    return same


@njit(cache=True)
def scan_stl(data, vertex, loop_end):
    """One pass over a text STL.

    Returns:
        corners (C, 3) float64; the numbers left to `python_float` as rows (flat index, start, end); whether every
        loop has three corners of three numbers.
    """
    end = len(data)
    corners = np.empty((end // 64 + 16, 3))
    inexact = np.empty((16, 3), np.int64)
    n_corners, n_inexact, i = 0, 0, 0
    whole = True
    while i < end and whole:
        i = skip_blanks(data, i, end)
        if starts_with(data, i, end, vertex):
            if n_corners == len(corners):
                corners = doubled(corners)
            i += len(vertex)
            for axis in range(3):
                i = skip_blanks(data, i, end)
                whole = whole and not ends_line(data, i, end)
                value, after, exact = scan_number(data, i, end)
                corners[n_corners, axis] = value
                if not exact:
                    if n_inexact == len(inexact):
                        inexact = doubled(inexact)
                    inexact[n_inexact] = 3 * n_corners + axis, i, after
                    n_inexact += 1
                i = after
            n_corners += 1
        elif starts_with(data, i, end, loop_end):
            whole = n_corners % 3 == 0
        i = skip_line(data, i, end)
    return corners[:n_corners].copy(), inexact[:n_inexact], whole and n_corners % 3 == 0


@njit(cache=True)
def merge_equal(corners):
    """Number the different rows of corners (C, 3) in the order of their first appearance.

    Returns:
        the row of each number's first appearance (V,), and each corner's number (C,).
    """
    slots = 16
    while slots < 2 * len(corners):
        slots *= 2
    table = np.full(slots, -1, np.int64)
    first = np.empty(len(corners), np.int64)
    number = np.empty(len(corners), np.int32)
    bits = corners.view(np.uint64)
    n = 0
    for c in range(len(corners)):
        key = bits[c, 0] * np.uint64(0x9E3779B97F4A7C15) ^ bits[c, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
        key ^= bits[c, 2] * np.uint64(0x165667B19E3779F9)
        key ^= key >> np.uint64(32)
        slot = np.int64(key & np.uint64(slots - 1))
        while table[slot] >= 0:
            row = first[table[slot]]
            if bits[row, 0] == bits[c, 0] and bits[row, 1] == bits[c, 1] and bits[row, 2] == bits[c, 2]:
                break
            slot = (slot + 1) & (slots - 1)
        if table[slot] < 0:
            table[slot] = n
            first[n] = c
            n += 1
        number[c] = table[slot]
    return first[:n].copy(), number


def parse_stl(data: bytes) -> Mesh:
    """The triangles of an STL file; corners with the same coordinates are one vertex, in order of first appearance.

    Raises:
        MalformedError: the file is shorter or longer than its face count says, or a facet has no three corners.
    """
    if is_binary(data):
        corners = np.frombuffer(data, RECORD, offset=HEADER)["corners"].reshape(-1, 3).astype(np.float64)
    elif data[:512].lstrip()[:5].lower() == b"solid":
        corners, inexact, whole = scan_stl(np.frombuffer(data, np.uint8), VERTEX, LOOP_END)
        if not whole or b"endsolid" not in data[-4096:].lower():
            raise MalformedError(
                "it is cut short or broken: a facet of this text STL has no three corners, or no endsolid"
            )
        fill_inexact(corners.reshape(-1), inexact, data)
    elif len(data) < HEADER:
        raise MalformedError("it is too short for an STL file")
    else:
        promised = int.from_bytes(data[80:84], "little")
        raise MalformedError(
            f"its length doesn't fit: a binary STL of {promised} faces takes {HEADER + promised * RECORD.itemsize} "
            f"bytes, and it has {len(data)}"
        )
    corners += 0.0  # −0 and 0 are one place
    first, number = merge_equal(corners)
    return Mesh(corners[first], number.reshape(-1, 3))
