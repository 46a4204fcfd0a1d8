"""STL, text and binary: triangles without shared vertices, which `scans.preparing.cleaning` merges."""

import numpy as np
from numba import njit

from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.text import doubled, ends_line, fill_inexact, scan_number, skip_blanks, skip_line

HEADER = 84
RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
VERTEX = np.frombuffer(b"vertex", np.uint8)
END = np.frombuffer(b"end", np.uint8)
LOOP = np.frombuffer(b"loop", np.uint8)
SOLID = np.frombuffer(b"solid", np.uint8)


def promised_size(data: bytes) -> int:
    """The length of a binary STL file with the face count that stands at its place."""
    return HEADER + RECORD.itemsize * int.from_bytes(data[80:84], "little")


def is_binary(data: bytes) -> bool:
    """Whether the file is exactly as long as a binary STL with its face count is."""
    return len(data) >= HEADER and len(data) == promised_size(data)


def is_text(data: bytes) -> bool:
    """Whether the file begins as a text STL does. A binary one's header may read "solid" too."""
    head = data[:4096].lower()
    return head.lstrip().startswith(b"solid") and b"\0" not in head and (b"facet" in head or b"endsolid" in head)


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
def scan_stl(data, vertex, end_word, loop, solid):
    """One pass over a text STL.

    Returns:
        corners (C, 3) float64; the numbers left to `python_float` as rows (flat index, start, end); whether every
        loop has three corners of three numbers, and whether the last solid ends.
    """
    end = len(data)
    corners = np.empty((end // 64 + 16, 3))
    inexact = np.empty((16, 3), np.int64)
    n_corners, n_inexact, i = 0, 0, 0
    whole, ended = True, False
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
                    inexact[n_inexact, 0] = 3 * n_corners + axis
                    inexact[n_inexact, 1], inexact[n_inexact, 2] = i, after
                    n_inexact += 1
                i = after
            n_corners += 1
        elif starts_with(data, i, end, end_word):  # "endloop" or "end loop"
            i = skip_blanks(data, i + len(end_word), end)
            if starts_with(data, i, end, loop):
                whole = n_corners % 3 == 0
            ended = starts_with(data, i, end, solid)
        elif starts_with(data, i, end, solid):
            ended = False
        i = skip_line(data, i, end)
    return corners[:n_corners].copy(), inexact[:n_inexact], whole and n_corners % 3 == 0, ended


def parse_stl(data: bytes) -> Parsed:
    """The triangles of an STL file, with three vertices each, in the file's order.

    Spare bytes behind the last face of a binary file are left out, with a note, where they are too few for a face.

    Raises:
        MalformedError: the file is shorter or longer than its face count says, or a facet has no three corners.
    """
    notes: tuple[str, ...] = ()
    if not is_binary(data) and is_text(data):
        corners, inexact, whole, ended = scan_stl(np.frombuffer(data, np.uint8), VERTEX, END, LOOP, SOLID)
        if not whole or not ended:
            raise MalformedError(
                "it is cut short or broken: a facet of this text STL has no three corners, or no endsolid"
            )
        fill_inexact(corners.reshape(-1), inexact, data)
    elif len(data) < HEADER:
        raise MalformedError("it is too short for an STL file")
    else:
        count, spare = int.from_bytes(data[80:84], "little"), len(data) - promised_size(data)
        if not 0 <= spare < RECORD.itemsize:
            raise MalformedError(
                f"its length doesn't fit: a binary STL of {count} faces takes {len(data) - spare} bytes, "
                f"and it has {len(data)}"
            )
        if spare:
            notes = (f"{spare} bytes behind the last face are left out",)
        corners = np.empty((3 * count, 3))
        corners.reshape(count, 3, 3)[:] = np.frombuffer(data, RECORD, count=count, offset=HEADER)["corners"]
    return Parsed(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3), notes=notes)
