"""3MF as other programs read it: trimesh, and the 3MF Consortium's own reader in strict mode."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.three_mf import encode_3mf

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 0]], np.uint8)


@pytest.fixture
def written(tetrahedron: Mesh, tmp_path: Path) -> Path:
    path = tmp_path / "jaw.3mf"
    odd = Mesh(tetrahedron.vertices * (1 / 3, 1e-6, 12345.678), tetrahedron.faces, tetrahedron.labels)
    path.write_bytes(encode_3mf(odd, COLOURS))
    return path


def test_trimesh_reads_the_same_triangles(written: Path, tetrahedron: Mesh) -> None:
    pytest.importorskip("lxml")
    read = trimesh.load(written, force="mesh", process=False)
    places = np.float32(tetrahedron.vertices * (1 / 3, 1e-6, 12345.678))
    assert np.array_equal(np.float32(read.vertices), places)
    assert np.array_equal(read.faces, tetrahedron.faces)
    assert read.units == "millimeter"


def test_the_strict_reader_has_nothing_to_say(written: Path) -> None:
    lib3mf = pytest.importorskip("lib3mf")
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(written))
    assert reader.GetWarningCount() == 0
    assert model.GetUnit() == lib3mf.ModelUnit.MilliMeter
    objects = model.GetMeshObjects()
    assert objects.MoveNext()
    read = objects.GetCurrentMeshObject()
    assert (read.GetVertexCount(), read.GetTriangleCount()) == (4, 4)
    assert read.IsManifoldAndOriented()
    palette = model.GetColorGroups()
    assert palette.MoveNext()
    group = palette.GetCurrentColorGroup()
    shades = {number: group.GetColor(number) for number in group.GetAllPropertyIDs()}
    first = read.GetTriangleProperties(0).PropertyIDs  # of the corners 0, 2, 1
    found = [(shades[number].Red, shades[number].Green, shades[number].Blue) for number in first]
    assert found == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]


def test_bytes_repeat_and_colours_may_be_left_out(tetrahedron: Mesh) -> None:
    assert encode_3mf(tetrahedron, COLOURS) == encode_3mf(tetrahedron, COLOURS)
    with zipfile.ZipFile(io.BytesIO(encode_3mf(tetrahedron))) as archive:
        model = archive.read("3D/3dmodel.model").decode()
    assert "color" not in model.replace("xmlns:m", "")
    assert len(re.findall(r"<triangle ", model)) == 4
