from pathlib import Path

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.mesh_files.writers import SURFACE_FORMATS, encode_points, encode_surface


@pytest.mark.parametrize("form", [form for form in SURFACE_FORMATS if form != "3mf"])  # test_three_mf.py reads that
def test_a_written_surface_reads_back(form: str, tetrahedron: Mesh, tmp_path: Path) -> None:
    path = tmp_path / f"mesh.{form}"
    path.write_bytes(encode_surface(tetrahedron, form))
    mesh = read_mesh(path)
    corners = mesh.vertices[mesh.faces]
    assert np.array_equal(corners, tetrahedron.vertices[tetrahedron.faces])
    if form != "stl":
        assert np.array_equal(mesh.vertices, tetrahedron.vertices)
    assert (mesh.labels is not None) == (form == "ply")
    if form == "ply":
        assert mesh.labels.tolist() == [11, 21, 0, 0]


@pytest.mark.parametrize("form", ["ply", "glb"])
def test_colors_are_kept_and_bytes_repeat(form: str, tetrahedron: Mesh, tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8)
    data = encode_surface(tetrahedron, form, colours)
    assert data == encode_surface(tetrahedron, form, colours)
    (tmp_path / f"mesh.{form}").write_bytes(data)
    read = trimesh.load_mesh(tmp_path / f"mesh.{form}", process=False)
    assert np.array_equal(read.visual.vertex_colors[:, :3], colours)


def test_points_carry_normals_labels_and_more() -> None:
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    normals = np.tile(np.array([0, 0, 1], np.float32), (4, 1))
    labels = np.array([0, 11, 21, 28], np.uint8)
    data = encode_points(points, "ply", normals=normals, labels=labels, properties={"distance_mm": points[:, 0]})
    names = ("x", "y", "z", "distance_mm", "nx", "ny", "nz", "label")
    header, body = data.split(b"end_header\n")
    assert [line.split()[-1].decode() for line in header.splitlines() if line.startswith(b"property")] == list(names)
    rows = np.frombuffer(body, np.dtype([(name, "<f4") for name in names[:-1]] + [("label", "u1")]))
    assert np.array_equal(np.stack([rows[name] for name in "xyz"], axis=1), points)
    assert rows["nz"].tolist() == [1] * 4
    assert rows["label"].tolist() == labels.tolist()
    assert rows["distance_mm"].tolist() == points[:, 0].tolist()
