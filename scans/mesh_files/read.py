"""Reads a mesh from a file of any known format, vertex order kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from scans.errors import ScanError
from scans.fdi import checked_labels
from scans.mesh import Mesh
from scans.mesh_edit import majority
from scans.mesh_files.content import GIT_LFS, UTF_16, foreign, suffix_of
from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.text import BYTE_ORDER_MARK

SUFFIXES = (".obj", ".ply", ".stl", ".off", ".vtp", ".glb")


def parser_of(suffix: str) -> Callable[[bytes], Parsed]:
    """The parser for a suffix; imported late, for each brings compiled code of its own and most runs read OBJ alone."""
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


def read_bytes(path: Path) -> bytes:
    """The content of a mesh file whose kind fits its suffix, without byte-order mark, text in an encoding like ASCII.

    Raises:
        ScanError: there is no such file, it can't be read, is empty or of another kind than its suffix says.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        reason = "is no file" if path.exists() else "doesn't exist"
        raise ScanError(f"{path}: it {reason}. Name a mesh file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScanError(f"{path}: it can't be read ({error.strerror}). Check the permissions and the disk") from error
    if suffix not in SUFFIXES:
        kind = foreign(data)
        told = f" It holds {kind}." if kind else ""
        raise ScanError(f"{path}: unknown kind of mesh file {suffix!r}.{told} Use one of {', '.join(SUFFIXES)}")
    if not data or data.isspace():
        raise ScanError(f"{path}: it is empty. Get or export it again")
    if data.startswith(GIT_LFS):
        raise ScanError(f"{path}: it is a git-lfs pointer in place of the scan. Run `git lfs pull` where it lies")
    found = suffix_of(data)
    if found != suffix and data.startswith(UTF_16):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise ScanError(f"{path}: it begins as UTF-16 text and goes on otherwise. Save it as UTF-8") from None
        found = suffix_of(data)
    if found is None and (kind := foreign(data)) is not None:
        raise ScanError(f"{path}: it is named {suffix} but holds {kind}. Unpack it, or export the scan as PLY or STL")
    if found is not None and found != suffix:
        raise ScanError(
            f"{path}: it is named {suffix} but holds a {found[1:].upper()} file. Rename it to {path.stem}{found}"
        )
    if found is None and suffix in (".ply", ".glb", ".vtp"):
        raise ScanError(f"{path}: it doesn't begin as a {suffix[1:].upper()} file does. Get or export it again")
    if suffix in (".obj", ".off") and b"\0" in data:
        told = (
            "UTF-16 text without its mark" if data[1:8:2].count(0) == 4 or data[:8:2].count(0) == 4 else "binary data"
        )
        raise ScanError(f"{path}: it holds {told}. Save it as UTF-8 text, or get it again")
    return data.removeprefix(BYTE_ORDER_MARK)


def read_mesh(path: Path | str) -> Mesh:
    """Read a mesh from an OBJ, PLY, STL, OFF, VTP or GLB file.

    The vertices keep the file's order, referenced or not, for labels follow it; STL has three for each face. Units and
    frame are the file's. NaN and infinite coordinates, and vertices at one place, are left to
    `scans.preparing.cleaning`, which counts them.

    Args:
        path: its suffix names the format.

    Returns:
        the mesh, polygons cut into triangles, with labels where a PLY or VTP file carries them. Those of faces go to
        the vertices, each of which gets the one that most of its faces have.

    Raises:
        ScanError: the file is no whole mesh of the kind that its suffix says; the message says why.
    """
    path = Path(path)
    data = read_bytes(path)
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # NaN is the cleaning's business
            parsed = parser_of(path.suffix.lower())(data)
    except MalformedError as error:
        raise ScanError(f"{path}: {error}. Get or export it again") from error
    vertices, faces, labels, notes = parsed.vertices, parsed.faces, parsed.labels, parsed.notes
    if len(vertices) == 0 or len(faces) == 0:
        missing = "vertices" if len(vertices) == 0 else "faces"
        told = "".join(f" ({note})" for note in notes)
        raise ScanError(f"{path}: it has no {missing}{told}. A scan must be a surface: export it again as a mesh")
    if not np.isfinite(vertices[0]).all() and not np.isfinite(vertices).all(axis=1).any():
        raise ScanError(f"{path}: all {len(vertices)} vertices have NaN or infinite coordinates. Export it again")
    if labels is not None:
        labels = checked_labels(labels, path)
        if parsed.face_labels is not None:
            notes += ("labels on faces are left out, for the vertices have labels too",)
    elif parsed.face_labels is not None:
        of_corners = np.repeat(checked_labels(parsed.face_labels, path), 3)
        labels = majority(faces.reshape(-1), of_corners, len(vertices))
        notes += ("labels on faces went to their vertices, each of which has the one of most of its faces",)
    return Mesh(vertices, faces, labels, notes)
