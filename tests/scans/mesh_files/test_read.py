"""The package's own: read_mesh, which parser it takes, and what it refuses."""

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.mesh_files.read import SUFFIXES, read_mesh
from tests.scans.mesh_files.mutations import mutated

OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
PLY = (
    b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    b"property int fdi\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    b"0 0 0 11\n1 0 0 0\n0 1 0 28\n3 0 1 2\n"
)
OFF = b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
STL = b"solid\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n"
VTP = (
    b'<?xml version="1.0"?><VTKFile type="PolyData" byte_order="LittleEndian"><PolyData>'
    b'<Piece NumberOfPoints="3" NumberOfPolys="1"><PointData><DataArray type="UInt8" Name="FDI" format="ascii">11 0 28'
    b'</DataArray></PointData><Points><DataArray type="Float32" NumberOfComponents="3" format="ascii">0 0 0 1 0 0 0 1 0'
    b'</DataArray></Points><Polys><DataArray type="Int64" Name="connectivity" format="ascii">0 1 2</DataArray>'
    b'<DataArray type="Int64" Name="offsets" format="ascii">3</DataArray></Polys></Piece></PolyData></VTKFile>'
)
GLB = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False).export(file_type="glb")
STL_BINARY = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False).export(file_type="stl")
FILES = {".obj": OBJ, ".ply": PLY, ".stl": STL, ".off": OFF, ".vtp": VTP, ".glb": GLB}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_triangle_of_each_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Jaw{suffix.upper()}"
    path.write_bytes(FILES[suffix])
    mesh = read_mesh(path)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.tolist() == [[0, 1, 2]]
    assert mesh.faces.dtype == np.int32
    if suffix in (".ply", ".vtp"):
        assert mesh.labels is not None
        assert mesh.labels.tolist() == [11, 0, 28]
        assert mesh.labels.dtype == np.uint8
    else:
        assert mesh.labels is None


@pytest.mark.parametrize("content", [*FILES, ".binary stl"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_suffix_that_lies(tmp_path: Path, suffix: str, content: str) -> None:
    if suffix == content or (suffix, content) == (".stl", ".binary stl"):
        return
    path = tmp_path / f"jaw{suffix}"
    path.write_bytes(FILES.get(content, STL_BINARY))
    with pytest.raises(ScanError, match=str(path)) as caught:
        read_mesh(path)
    if content in FILES and content != ".obj":
        assert f"holds a {content[1:].upper()} file. Rename it to jaw{content}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.obj", b"", "it is empty"),
        ("a.obj", b" \n\n", "it is empty"),
        ("a.obj", b"# nothing\n", "it has no vertices"),
        ("a.obj", b"v 0 0 0\n", "it has no faces"),
        ("a.obj", b"v nan 0 0\nv 0 inf 0\nv 0 0 nan\nf 1 2 3\n", "all 3 vertices have NaN or infinite coordinates"),
        ("a.obj", OBJ + b"f 1 2 9\n", "refer to vertices that the file doesn't have"),
        ("a.obj", bytes(range(256)) * 9, "binary data"),
        ("a.obj", OBJ.decode().encode("utf-16-le"), "UTF-16 text without its mark"),
        ("a.obj", b"\xff\xfev\0\0\xd8", "begins as UTF-16 text and goes on otherwise"),
        ("a.obj", b"v 1,5 0 0\n", "expected a number, found '1,5' .decimal commas"),
        ("a.obj", b"<!DOCTYPE html><html>410 Gone</html>", "an HTML page"),
        ("a.obj", b"PK\x03\x04...", "a zip archive"),
        ("a.stl", b"PK\x03\x04..." + b"3D/3dmodel.model", "a 3MF file"),
        ("a.stl", b"\x1f\x8b" * 50, "a gzip archive"),
        ("a.ply", b"\0" * 128 + b"DICM" + b"\0" * 100, "DICOM"),
        ("a.ply", b'<?xml version="1.0"?><HPS version="1.1">', "3Shape's DCM"),
        ("a.vtp", b"# vtk DataFile Version 3.0\n", "a legacy VTK file"),
        ("a.glb", b'{"asset": {"version": "2.0"}}', "JSON"),
        ("a.stl", b"\0\5\x16\7" + b"\0" * 100, "an AppleDouble file"),
        ("a.stl", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "git lfs pull"),
        ("a.stl.gz", b"\x1f\x8b" * 50, "unknown kind of mesh file '.gz'. It holds a gzip archive"),
        ("a.ply", b"hello", "doesn't begin as a PLY file"),
        ("a.ply", PLY.replace(b"0 1 0 28", b"0 1 0 19"), r"1 of 3 labels are no FDI numbers \(19\)"),
        ("a.ply", PLY.replace(b"vertex 3", b"vertex 1000000000000"), "promises 1000000000000 rows"),
        ("a.stl", STL_BINARY[:-1], "its length doesn't fit"),
        ("a.3mf", b"anything", "unknown kind of mesh file '.3mf'"),
        ("a", b"anything", "unknown kind of mesh file ''"),
    ],
)
def test_refusals_name_file_reason_and_cure(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ScanError, match=reason) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count(". ") >= 1  # what to do next


def test_labels_of_faces_go_to_the_vertices_and_a_note_says_so(tmp_path: Path) -> None:
    head = PLY[: PLY.index(b"end_header")].replace(b"property int fdi\n", b"").replace(b"face 1", b"face 3")
    rows = b"0 0 0\n1 0 0\n0 1 0\n3 0 1 2 11\n3 0 2 1 12\n3 2 0 0 12\n"
    (tmp_path / "a.ply").write_bytes(head + b"property int fdi\nend_header\n" + rows)
    mesh = read_mesh(tmp_path / "a.ply")
    assert mesh.labels is not None
    assert mesh.labels.tolist() == [12, 11, 12]  # three of four corners, one of two (the smaller), two of three
    assert mesh.notes == ("labels on faces went to their vertices, each of which has the one of most of its faces",)


NO_NUMBERS = ["-1.#IND", "1.#QNAN0", "-1.#IND00", "1.#INF", "1.#J", "-1.#R", "-nan(ind)", "nan", "NaN", "-inf", "∞"]


@pytest.mark.parametrize("token", NO_NUMBERS)
@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".off", ".vtp"])
def test_what_programs_write_for_no_number(tmp_path: Path, suffix: str, token: str) -> None:
    content = FILES[suffix].replace(b"1 0 0", f"{token} 0 0".encode(), 1)
    assert content != FILES[suffix]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    vertices = read_mesh(path).vertices
    assert np.isfinite(vertices).all(axis=1).tolist() == [True, False, True]
    assert vertices[1, 1:].tolist() == [0, 0]


def test_a_comment_may_touch_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(OBJ.replace(b"v 1 0 0\n", b"v 1 0 0#first\n").replace(b"f 1 2 3", b"f 1 2 3#f"))
    assert read_mesh(tmp_path / "a.obj").vertices[1].tolist() == [1, 0, 0]


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.obj").mkdir()
    os.mkfifo(tmp_path / "pipe.obj")
    for name, reason in (("folder.obj", "is no file"), ("pipe.obj", "is no file"), ("gone.obj", "doesn't exist")):
        with pytest.raises(ScanError, match=reason):
            read_mesh(tmp_path / name)


def test_some_nonfinite_vertices_are_left_to_cleaning(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(OBJ + b"v nan 0 1e999\n")
    mesh = read_mesh(tmp_path / "a.obj")
    assert np.isfinite(mesh.vertices).all(axis=1).tolist() == [True, True, True, False]


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".binary.stl", ".binary.ply"])
def test_broken_files_give_a_mesh_or_a_scan_error(tmp_path: Path, suffix: str) -> None:
    sphere = trimesh.creation.icosphere(1)
    kind = Path(suffix).suffix or suffix
    if suffix in (".obj", ".ply", ".stl", ".vtp"):
        content = FILES[suffix] * (3 if suffix == ".obj" else 1)
    else:
        content = sphere.export(file_type=kind[1:])
        content = content if isinstance(content, bytes) else content.encode()
    path = tmp_path / f"jaw{kind}"
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(300):
        path.write_bytes(mutated(content, content, rng))
        try:
            mesh = read_mesh(path)
        except ScanError as error:
            outcomes.add("refused" if str(path) in str(error) else "refused without a name")
        else:
            assert isinstance(mesh, Mesh)
            assert mesh.faces.min() >= 0
            assert mesh.faces.max() < len(mesh.vertices)
            assert mesh.labels is None or len(mesh.labels) == len(mesh.vertices)
            outcomes.add("read")
    assert outcomes == {"refused", "read"}
