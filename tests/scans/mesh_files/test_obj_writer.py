import numpy as np
import pytest

from scans.mesh import Mesh
from scans.mesh_files.obj import parse_obj
from scans.mesh_files.obj_writer import encode_obj


def test_text() -> None:
    vertices = np.array([[0, -0.0, 1], [-12.3456789, 0.000001, 1e-9], [999.9999999, -0.0000004, 100]])
    assert encode_obj(Mesh(vertices, np.array([[0, 1, 2]], np.int32))) == (
        b"v 0.000000 0.000000 1.000000\nv -12.345679 0.000001 0.000000\nv 1000.000000 0.000000 100.000000\nf 1 2 3\n"
    )


def test_comes_back(tetrahedron: Mesh) -> None:
    rng = np.random.default_rng(0)
    vertices = np.round(rng.normal(size=(200, 3)) * 10.0 ** rng.integers(-6, 6, (200, 1)), 6)
    mesh = Mesh(vertices, rng.integers(0, 200, (300, 3), dtype=np.int32))
    back = parse_obj(encode_obj(mesh))
    np.testing.assert_array_equal(back.vertices, mesh.vertices)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    np.testing.assert_array_equal(parse_obj(encode_obj(tetrahedron)).vertices, tetrahedron.vertices)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e9])
def test_refuses_what_has_no_decimals(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        encode_obj(Mesh(np.full((3, 3), wrong), np.array([[0, 1, 2]], np.int32)))
