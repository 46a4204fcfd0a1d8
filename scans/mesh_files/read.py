"""Reads a mesh from a file of any known format, vertex order kept."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scans.errors import ScanError
from scans.fdi import checked_labels
from scans.mesh import Mesh
from scans.mesh_files.malformed import MalformedError

SUFFIXES = (".obj", ".ply", ".stl", ".off", ".vtp", ".glb")
OBJ_LINE = re.compile(rb"^(v|vn|vt)[ \t]+[-+.\d]+[ \t]", re.MULTILINE)
FOREIGN = {  # what people rename by mistake, in lower case
    b"pk\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"<!doctype": "an HTML page",
    b"<html": "an HTML page",
    b"%pdf": "a PDF",
}


def parser_of(suffix: str) -> Callable[[bytes], Mesh]:
    """The parser for a suffix; imported late, for trimesh and VTK take long and most runs read OBJ alone."""
    match suffix:
        case ".obj":
            from scans.mesh_files.obj import parse_obj as parse
        case ".ply":
            from scans.mesh_files.ply import parse_ply as parse
        case ".stl":
            from scans.mesh_files.stl import parse_stl as parse
        case ".off":
            from scans.mesh_files.off import parse_off as parse
        case ".vtp":
            from scans.mesh_files.vtp import parse_vtp as parse
        case _:
            from scans.mesh_files.glb import parse_glb as parse
    return parse


def sniff(data: bytes) -> str | None:
    """The suffix that the content calls for, what else it is, or None where it has no mark."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in FOREIGN.items():
        if head.startswith(mark):
            return name
    if head.startswith((b"ply\n", b"ply\r")):
        return ".ply"
    if head.startswith(b"gltf") and data.startswith(b"glTF"):
        return ".glb"
    if b"<vtkfile" in head:
        return ".vtp"
    if head.split(None, 1)[:1] and head.split(None, 1)[0] in (b"off", b"coff", b"noff", b"cnoff", b"stoff"):
        return ".off"
    if head.startswith(b"solid") and b"facet" in data[:4096].lower():
        return ".stl"
    if OBJ_LINE.search(head):
        return ".obj"
    return None


def read_bytes(path: Path) -> bytes:
    """The content of a mesh file whose kind fits its suffix.

    Raises:
        ScanError: there is no such file, it can't be read, is empty or of another kind than its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ScanError(f"{path}: unknown kind of mesh file {suffix!r}. Use one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        reason = "is no file" if path.exists() else "doesn't exist"
        raise ScanError(f"{path}: it {reason}. Name a mesh file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScanError(f"{path}: it can't be read ({error.strerror}). Check the permissions and the disk") from error
    if not data.strip():
        raise ScanError(f"{path}: it is empty. Get or export it again")
    found = sniff(data)
    if found is not None and found != suffix:
        kind = f"a {found[1:].upper()} file" if found in SUFFIXES else found
        cure = f"Rename it to {path.stem}{found}" if found in SUFFIXES else "Get the scan again, or unpack it"
        raise ScanError(f"{path}: it is named {suffix} but holds {kind}. {cure}")
    if found is None and suffix in (".ply", ".glb", ".vtp"):
        raise ScanError(f"{path}: it doesn't begin as a {suffix[1:].upper()} file does. Get or export it again")
    if suffix in (".obj", ".off") and b"\0" in data:
        raise ScanError(f"{path}: it holds binary data, not text. Get it again or export it as OBJ or PLY")
    return data


def read_mesh(path: Path | str) -> Mesh:
    """Read a mesh from an OBJ, PLY, STL, OFF, VTP or GLB file.

    The vertices keep the file's order, referenced or not, for labels follow it. Only STL, which has no shared
    vertices, gets them merged where they are equal. Units and frame are the file's. NaN and infinite coordinates
    are left to `scans.preparing.cleaning`, which counts them.

    Args:
        path: its suffix names the format.

    Returns:
        the mesh, polygons cut into triangles, with labels where a PLY or VTP file carries them.

    Raises:
        ScanError: the file is no whole mesh of the kind that its suffix says; the message says why.
    """
    path = Path(path)
    data = read_bytes(path)
    try:
        mesh = parser_of(path.suffix.lower())(data)
    except MalformedError as error:
        raise ScanError(f"{path}: {error}. Get or export it again") from error
    if len(mesh.vertices) == 0 or len(mesh.faces) == 0:
        missing = "vertices" if len(mesh.vertices) == 0 else "faces"
        raise ScanError(f"{path}: it has no {missing}. A scan must be a surface: export it again as a mesh")
    unusable = len(mesh.vertices) - np.isfinite(mesh.vertices).all(axis=1).sum()
    if unusable == len(mesh.vertices):
        raise ScanError(f"{path}: all {unusable} vertices have NaN or infinite coordinates. Export it again")
    labels = None if mesh.labels is None else checked_labels(mesh.labels, path)
    return Mesh(mesh.vertices, mesh.faces, labels)
