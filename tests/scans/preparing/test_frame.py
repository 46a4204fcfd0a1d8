import itertools

import numpy as np
import pytest

from scans.errors import ScanError, UserError
from scans.mesh import Mesh
from scans.preparing.frame import AXES, check_size, find_unit, rotation, to_millimetres, turn

PAIRS = [(crowns, incisors) for crowns, incisors in itertools.product(AXES, AXES) if crowns[1] != incisors[1]]


def volume(mesh: Mesh) -> float:
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize(("crowns", "incisors"), PAIRS)
def test_every_orientation_is_a_proper_rotation_into_the_frame(crowns: str, incisors: str, tetrahedron: Mesh) -> None:
    matrix = rotation(crowns, incisors)
    np.testing.assert_array_equal(matrix @ AXES[crowns], AXES["+z"])
    np.testing.assert_array_equal(matrix @ AXES[incisors], AXES["-y"])
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)
    turned = turn(tetrahedron, matrix)
    np.testing.assert_array_equal(turned.vertices, tetrahedron.vertices @ matrix.T)
    assert volume(turned) == pytest.approx(volume(tetrahedron))  # outward faces stay outward
    assert volume(tetrahedron) == pytest.approx(1 / 3)
    assert turned.labels is tetrahedron.labels


def test_patients_right_lies_at_plus_x() -> None:
    # A scanner with crowns to -y and incisors to +z: who looks at the patient's front has the right side at the left.
    right = np.cross(-AXES["+z"], -AXES["+y"])  # y × z of the frame, in the scanner's axes
    mesh = Mesh(right[None], np.zeros((0, 3), np.int32))
    assert turn(mesh, rotation("-y", "+z")).vertices.tolist() == [[1, 0, 0]]


def test_any_rotation(tetrahedron: Mesh) -> None:
    matrix = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    turned = turn(tetrahedron, matrix)
    np.testing.assert_allclose(turned.vertices, tetrahedron.vertices @ matrix.T, atol=1e-15)
    assert volume(turned) == pytest.approx(1 / 3)
    assert turned.labels is tetrahedron.labels


def test_units_scale(tetrahedron: Mesh) -> None:
    np.testing.assert_array_equal(to_millimetres(tetrahedron, 1000).vertices, tetrahedron.vertices * 1000)


def test_wrong_axes() -> None:
    with pytest.raises(UserError, match=r"crowns \+z and incisors -z lie on the same axis"):
        rotation("+z", "-z")
    with pytest.raises(UserError, match=r"crowns: 'up' is no axis. Use one of \+x, -x, \+y, -y, \+z, -z"):
        rotation("up", "-y")


@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf])
def test_wrong_unit(unit: float, tetrahedron: Mesh) -> None:
    with pytest.raises(UserError, match="must be positive"):
        to_millimetres(tetrahedron, unit)


def scaled(mesh: Mesh, extent: float) -> Mesh:
    return Mesh(mesh.vertices * extent, mesh.faces)


@pytest.mark.parametrize("extent", [25, 65, 150])
def test_plausible_sizes(extent: float, tetrahedron: Mesh) -> None:
    check_size(scaled(tetrahedron, extent))


@pytest.mark.parametrize(
    ("extent", "hint"),
    [
        (0.065, "metres: multiply millimetres_per_unit by 1000"),
        (6.5, "centimetres: multiply millimetres_per_unit by 10"),
        (2.4, r"inches: multiply millimetres_per_unit by 25\.4"),
        (65_000, r"micrometres: multiply millimetres_per_unit by 0\.001"),
        (400, "Check the unit"),
        (0, "Check the unit"),
    ],
)
def test_implausible_sizes(extent: float, hint: str, tetrahedron: Mesh) -> None:
    with pytest.raises(ScanError, match=rf"^a\.obj: it measures .*{hint}"):
        check_size(scaled(tetrahedron, extent), "a.obj")


@pytest.mark.parametrize(
    ("extent", "unit"),
    [(65, 1), (30, 1), (140, 1), (0.065, 1000), (0.12, 1000), (6.5, 10), (12, 10), (2.4, 25.4), (65_000, 0.001)],
)
def test_the_unit_by_the_size(extent: float, unit: float, tetrahedron: Mesh) -> None:
    assert find_unit(scaled(tetrahedron, extent)) == unit


@pytest.mark.parametrize(
    ("extent", "reason"),
    [(4.4, "may be centimetres or inches"), (0.5, "no usual unit"), (400, "no usual unit"), (0, "no usual unit")],
)
def test_no_unit_is_guessed(extent: float, reason: str, tetrahedron: Mesh) -> None:
    with pytest.raises(ScanError, match=rf"^a\.obj: it measures .*{reason}.*Set millimetres_per_unit"):
        find_unit(scaled(tetrahedron, extent), "a.obj")
