"""Meshes to Wavefront OBJ at compiled speed."""

import numpy as np
from numba import njit

from scans.mesh import Mesh
from scans.mesh_files.obj import LETTER_F, LETTER_V
from scans.mesh_files.text import DOT, MINUS, NEWLINE, SPACE, ZERO

DECIMALS = 6  # of a millimetre: a nanometre
SCALE = 10**DECIMALS


@njit(cache=True)
def put_digits(out, at, number, decimals):
    """Write a whole number ≥ 0, with a point before its last `decimals` digits; the position after it."""
    length, rest = 1, number // 10
    while rest > 0 or length <= decimals:
        length += 1
        rest //= 10
    if decimals > 0:
        length += 1
    for k in range(length):
        if decimals > 0 and k == decimals:
            out[at + length - 1 - k] = DOT
        else:
            out[at + length - 1 - k] = ZERO + number % 10
            number //= 10
    return at + length


@njit(cache=True)
def put_mesh(out, units, faces):
    """Write the `v` and `f` lines; units (V, 3) int64 are the coordinates in the last decimal."""
    at = 0
    for row in range(len(units)):
        out[at] = LETTER_V
        at += 1
        for axis in range(3):
            out[at] = SPACE
            at += 1
            number = units[row, axis]
            if number < 0:
                out[at] = MINUS
                at += 1
            at = put_digits(out, at, abs(number), DECIMALS)
        out[at] = NEWLINE
        at += 1
    for row in range(len(faces)):
        out[at] = LETTER_F
        at += 1
        for corner in range(3):
            out[at] = SPACE
            at = put_digits(out, at + 1, np.int64(faces[row, corner]) + 1, 0)
        out[at] = NEWLINE
        at += 1
    return at


def encode_obj(mesh: Mesh) -> bytes:
    """The mesh as OBJ text: `v x y z` with six decimals and `f a b c`, in the mesh's order. Labels aren't kept.

    Raises:
        ValueError: a coordinate is NaN, infinite or beyond ±10^9.
    """
    largest = np.abs(mesh.vertices).max(initial=0.0)
    if not largest < 1e9:
        raise ValueError(f"coordinates must be finite and below 1e9 to be written as OBJ, found {largest}")
    units = np.rint(np.asarray(mesh.vertices, np.float64) * SCALE).astype(np.int64)
    number, index = len(str(int(largest))) + DECIMALS + 4, len(str(len(mesh.vertices))) + 2
    out = np.empty(3 * number * len(units) + 3 * index * len(mesh.faces), np.uint8)
    return out[: put_mesh(out, units, np.ascontiguousarray(mesh.faces))].tobytes()
