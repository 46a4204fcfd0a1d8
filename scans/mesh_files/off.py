"""OFF, the object file format, as text, with or without colours and normals."""

import re

import numpy as np

from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.polygons import list_items, triangulate
from scans.mesh_files.text import number_table

MAGIC = re.compile(rb"(\s|#[^\r\n]*[\r\n])*(ST)?C?N?OFF(?=\s|$)")


def parse_off(data: bytes) -> Parsed:
    """The triangles of an OFF file, every vertex in the file's order; polygons are cut into triangles.

    Raises:
        MalformedError: it isn't a text OFF of three dimensions, is cut short, or a face refers to no vertex.
    """
    magic = MAGIC.match(data)
    if magic is None:
        raise MalformedError("it doesn't start with OFF")
    if data[magic.end() :].lstrip(b" \t")[:6].upper() == b"BINARY":
        raise MalformedError("binary OFF isn't supported")
    values, lines = number_table(data, magic.end())
    lengths = np.diff(lines)
    counts = values[: lines[1]] if len(lengths) else values
    if (
        len(counts) not in (2, 3)
        or not np.isfinite(counts).all()
        or (counts < 0).any()
        or (counts != np.floor(counts)).any()
    ):
        raise MalformedError("the first line after OFF doesn't count vertices and faces")
    vertex_count, face_count = int(counts[0]), int(counts[1])
    if vertex_count + face_count > len(lengths) - 1:
        raise MalformedError(
            f"it is cut short: it promises {vertex_count} vertices and {face_count} faces, "
            f"and has {len(lengths) - 1} lines"
        )
    if vertex_count and lengths[1 : vertex_count + 1].min() < 3:
        raise MalformedError("a vertex has fewer than three coordinates")
    vertices = values[lines[1 : vertex_count + 1, None] + np.arange(3)]
    at = lines[vertex_count + 1 : vertex_count + 1 + face_count]
    room = lengths[vertex_count + 1 : vertex_count + 1 + face_count] - 1
    sizes = values[at]
    if not ((sizes >= 0) & (sizes <= room) & (sizes == np.floor(sizes))).all():
        raise MalformedError("a face has fewer corners than it says")
    sizes = sizes.astype(np.int64)
    corners = list_items(values, at + 1, sizes)
    return Parsed(vertices, triangulate(vertices, corners, sizes)[0])
