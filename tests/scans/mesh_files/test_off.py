import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.off import parse_off
from scans.mesh_files.parsed import MalformedError

BODY = "4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n3 0 1 2\n"
COLOURED = "4 2 0\n0 0 0 255 0 0 255\n1 0 0 1 1 1 1\n1 1 0 0 0 0 0\n0 1 0 0 0 0 0\n4 0 1 2 3 9 9 9\n3 0 1 2\n"


@pytest.mark.parametrize(
    "text",
    [
        f"OFF\n{BODY}",
        f"OFF {BODY}",
        f"# made by hand\n\nOFF # yes\n# counts\n{BODY}",
        f"COFF\n{COLOURED}",
        f"OFF\r\n{BODY}".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"OFF\n{BODY}".replace("4 2 0", "4 2").rstrip(),
    ],
)
def test_forms(text: str) -> None:
    mesh = parse_off(text.encode())
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]


def test_reads_what_trimesh_writes(tetrahedron: Mesh) -> None:
    text = trimesh.Trimesh(tetrahedron.vertices, tetrahedron.faces, process=False).export(file_type="off")
    mesh = parse_off(text if isinstance(text, bytes) else text.encode())
    np.testing.assert_array_equal(mesh.vertices, tetrahedron.vertices)
    np.testing.assert_array_equal(mesh.faces, tetrahedron.faces)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("OOF\n1 1 0\n", "doesn't start with OFF"),
        ("OFF BINARY\n", "binary OFF"),
        ("4OFF\n", "doesn't start with OFF"),
        ("OFF\n", "doesn't count"),
        ("OFF\n4 -2 0\n", "doesn't count"),
        ("OFF\n4.5 2 0\n", "doesn't count"),
        ("OFF\n1000000000000 1000000000000 0\n0 0 0\n", "promises 1000000000000 vertices"),
        (f"OFF\n{BODY}".replace("3 0 1 2\n", ""), "cut short"),
        (f"OFF\n{BODY}".replace("1 1 0\n", "1 1\n"), "fewer than three coordinates"),
        (f"OFF\n{BODY}".replace("4 0 1 2 3", "5 0 1 2 3"), "fewer corners"),
        (f"OFF\n{BODY}".replace("4 0 1 2 3", "inf 0 1 2 3"), "fewer corners"),
        (f"OFF\n{BODY}".replace("4 0 1 2 3", "4 0 1 2 4"), "refer to vertices"),
        (f"OFF\n{BODY}".replace("4 0 1 2 3", "4 0 1 2 2.5"), "no vertex number"),
        (f"OFF\n{BODY}".replace("4 0 1 2 3", "2 0 1 2 3"), "face 1 has 2 corners"),
        (f"OFF\n{BODY}".replace("1 1 0", "1 one 0"), "line 5: expected a number"),
    ],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(MalformedError, match=reason):
        parse_off(text.encode())
