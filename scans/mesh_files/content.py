"""What a file really holds, by its first bytes, whatever its name says."""

import re

from scans.mesh_files.stl import is_binary, is_text
from scans.mesh_files.text import BYTE_ORDER_MARK

OBJ_LINE = re.compile(rb"^(v|vn|vt)[ \t]+[-+.\d]+[ \t]", re.MULTILINE)
PLY_LINE = re.compile(rb"ply[ \t]*[\r\n]")
OFF_WORDS = (b"off", b"coff", b"noff", b"cnoff", b"stoff")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
GIT_LFS = b"version https://git-lfs"
PROJECT_PARTS = {  # in zip archives
    b"3D/3dmodel.model": "a 3MF file",
    b"[Content_Types].xml": "a 3MF or Office file",
}
FOREIGN = {  # what people rename by mistake, in lower case
    b"pk\x03\x04": "a zip archive",
    b"pk\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"rar!": "a RAR archive",
    b"bzh": "a bzip2 archive",
    b"\xfd7zxz": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x89png": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89hdf": "an HDF5 file",
    b"\x93numpy": "a NumPy array",
    b"\x00\x05\x16\x07": "an AppleDouble file, macOS's notes about another file",
    b"<!doctype": "an HTML page",
    b"<html": "an HTML page",
    b"%pdf": "a PDF",
    b"# vtk datafile": "a legacy VTK file",
    b"kaydara fbx": "an FBX file",
    b"blender": "a Blender file",
    b"octm": "an OpenCTM file",
    b"iso-10303-21": "a STEP file",
    b"{": "JSON",
}
XML_ROOTS = {  # after <?xml, in lower case
    b"<hps": "3Shape's DCM",
    b"<collada": "a COLLADA file",
    b"<amf": "an AMF file",
    b"<x3d": "an X3D file",
    b"<model": "a 3MF model",
    b"<svg": "an SVG picture",
}


def foreign(data: bytes) -> str | None:
    """What a file holds that no suffix of ours stands for, by its mark; None where it has none."""
    if data[128:132] == b"DICM":
        return "DICOM"
    head = data[:1024].removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    if head.startswith(b"pk\x03\x04"):
        return next((name for part, name in PROJECT_PARTS.items() if part in data[:4096]), "a zip archive")
    for mark, name in FOREIGN.items():
        if head.startswith(mark):
            return name
    if head.startswith((b"<?xml", b"<hps")):
        return next((name for root, name in XML_ROOTS.items() if root in head), None)
    return None


def suffix_of(data: bytes) -> str | None:
    """The suffix that the content calls for; None where it has no mark."""
    if is_binary(data) and len(data) > 84:
        return ".stl"
    head = data[:1024].removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    if PLY_LINE.match(head):
        return ".ply"
    if data.startswith(b"glTF"):
        return ".glb"
    if b"<vtkfile" in head:
        return ".vtp"
    if head.split(None, 1)[:1] and head.split(None, 1)[0] in OFF_WORDS:
        return ".off"
    if is_text(data.removeprefix(BYTE_ORDER_MARK)):
        return ".stl"
    if b"\0" not in head and OBJ_LINE.search(head):
        return ".obj"
    return None
