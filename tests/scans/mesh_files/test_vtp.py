import re
from pathlib import Path

import numpy as np
import pytest
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

from scans.mesh_files.parsed import MalformedError
from scans.mesh_files.vtp import parse_vtp

RNG = np.random.default_rng(0)
POINTS = RNG.random((3000, 3))  # three blocks of VTK's compressor
FACES = RNG.integers(0, 3000, (5000, 3))
LABELS = RNG.choice([0, 11, 28], 3000).astype(np.uint8)


def write(
    path: Path, mode: str, compressor: str = "None", encode: bool = False, big: bool = False, header64: bool = False
) -> bytes:
    """The mesh as VTK writes it."""
    polydata, points, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(POINTS, deep=True))
    cells.SetData(
        numpy_to_vtkIdTypeArray(np.arange(0, FACES.size + 1, 3), deep=True),
        numpy_to_vtkIdTypeArray(FACES.ravel(), deep=True),
    )
    polydata.SetPoints(points)
    polydata.SetPolys(cells)
    labels = numpy_to_vtk(LABELS, deep=True)
    labels.SetName("Labels")
    polydata.GetPointData().AddArray(labels)
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(polydata)
    writer.SetFileName(str(path))
    getattr(writer, f"SetDataModeTo{mode}")()
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    writer.SetEncodeAppendedData(encode)
    writer.SetByteOrderToBigEndian() if big else writer.SetByteOrderToLittleEndian()
    writer.SetHeaderTypeToUInt64() if header64 else writer.SetHeaderTypeToUInt32()
    writer.Write()
    return path.read_bytes()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compressor", ["None", "ZLib"])
@pytest.mark.parametrize(
    ("mode", "encode"), [("Ascii", False), ("Binary", False), ("Appended", False), ("Appended", True)]
)
def test_every_form_that_vtk_writes(tmp_path: Path, mode: str, encode: bool, compressor: str, big: bool) -> None:
    mesh = parse_vtp(write(tmp_path / "a.vtp", mode, compressor, encode, big, header64=big))
    # VTK's text form has eleven digits
    np.testing.assert_allclose(mesh.vertices, POINTS, rtol=0, atol=1e-10 if mode == "Ascii" else 0)
    np.testing.assert_array_equal(mesh.faces, FACES)
    assert mesh.labels is not None
    np.testing.assert_array_equal(mesh.labels, LABELS)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("vtp") / "a.vtp", "Ascii")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"</VTKFile>", b"", "XML is broken"),
        (b'type="PolyData"', b'type="ImageData"', "no PolyData"),
        (b'byte_order="LittleEndian"', b"", "byte order"),
        (b"<VTKFile", b'<!DOCTYPE a [<!ENTITY b "c">]><VTKFile', "entities"),
        (b'version="0.1"', b'version="0.1" compressor="vtkLZ4DataCompressor"', "another way than zlib"),
        (b'NumberOfPoints="3000"', b'NumberOfPoints="3000000000000"', "promises 3000000000000 points"),
        (b'NumberOfPolys="5000"', b'NumberOfPolys="1"', "promises 1 polygons"),
        (b'type="Float64"', b'type="String"', "unknown type"),
        (b'format="ascii"', b'format="appended" offset="99999999"', "cut short"),
        (b'format="ascii"', b'format="binary"', "base64|more bytes|cut short"),
        (b"</PolyData>", b"<Piece/></PolyData>", "2 pieces"),
    ],
)
def test_refusals(text: bytes, old: bytes, new: bytes, reason: str) -> None:
    assert old in text
    with pytest.raises(MalformedError, match=reason):
        parse_vtp(text.replace(old, new))


def test_sizes_that_no_file_can_hold(tmp_path: Path) -> None:
    content = write(tmp_path / "a.vtp", "Appended", "ZLib")
    start = content.index(b"_", content.index(b"<AppendedData")) + 1
    for word in range(3):
        broken = bytearray(content)
        broken[start + 4 * word : start + 4 * word + 4] = b"\xff\xff\xff\x7f"
        with pytest.raises(MalformedError):
            parse_vtp(bytes(broken))


def test_point_that_is_not_there(text: bytes) -> None:
    broken = re.sub(rb'(Name="connectivity"[^>]*>\s*)\d+', rb"\g<1>3000", text)
    with pytest.raises(MalformedError, match="1 of 5000 faces refer to vertices"):
        parse_vtp(broken)


PIECE = """<?xml version="1.0"?><VTKFile type="PolyData" byte_order="LittleEndian"><PolyData>
<Piece NumberOfPoints="4" NumberOfVerts="1" NumberOfPolys="1" NumberOfStrips="1">
<CellData><DataArray type="Float64" Name="scalar_Label" format="ascii">9 11 12</DataArray></CellData>
<Points><DataArray type="Float32" NumberOfComponents="3" format="ascii">0 0 0 1 0 0 0 1 0 1 1 0</DataArray></Points>
<Verts><DataArray type="Int64" Name="connectivity" format="ascii">3</DataArray>
<DataArray type="Int64" Name="offsets" format="ascii">1</DataArray></Verts>
<Polys><DataArray type="Int64" Name="connectivity" format="ascii">0 1 2</DataArray>
<DataArray type="Int64" Name="offsets" format="ascii">3</DataArray></Polys>
<Strips><DataArray type="Int64" Name="connectivity" format="ascii">0 1 2 3</DataArray>
<DataArray type="Int64" Name="offsets" format="ascii">4</DataArray></Strips>
</Piece></PolyData></VTKFile>"""


def test_strips_and_the_labels_of_cells() -> None:
    mesh = parse_vtp(PIECE.encode())
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 1, 2], [2, 1, 3]]
    assert mesh.labels is None
    assert mesh.face_labels is not None
    assert mesh.face_labels.tolist() == [11, 12, 12]  # the first cell is the single point
    assert mesh.notes == ("1 single points are left out",)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('NumberOfStrips="1"', 'NumberOfStrips="2"', "promises 2 strips and has 1"),
        ('NumberOfStrips="1"', "", "promises no strips and has 1"),
        ("9 11 12", "9 11", "2 labels for 3 cells"),
        ("0 1 2 3", "0 1 2 4", "1 of 2 faces refer to vertices"),
        ("0 1 2 3", "0 1 2 3 0", "its strips don't lie one after another"),
    ],
)
def test_refusals_of_strips(old: str, new: str, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_vtp(PIECE.replace(old, new).encode())
