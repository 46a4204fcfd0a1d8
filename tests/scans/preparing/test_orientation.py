"""Orientation by shape, on small jaws of every synthetic kind; benchmarks/bench_orientation.py tries hundreds."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.preparing.cleaning import clean
from scans.preparing.frame import rotation, turn
from scans.preparing.orientation import against_shape, check_labels, find_orientation, in_words
from scans.seeds import generator
from scans.synthetic.jaw import make_jaw
from scans.synthetic.patient import KINDS, draw

UPRIGHT = np.eye(3)


# A jaw of each kind. Of a few others, with high bases above all, shape alone does not tell how they lie.
JAWS = {"border": 8, "horseshoe": 5, "skirt": 0, "base": 13, "crowns": 20}


@cache
def jaw(kind: str) -> Mesh:
    """A synthetic jaw of a kind, coarse."""
    case_id = f"SYN1-{JAWS[kind]:05d}"
    assert draw(generator(1, case_id)).kind == kind
    return make_jaw(1, case_id, voxel_mm=1.0)


def random_rotation(seed: int) -> np.ndarray:
    """A rotation of a random quaternion."""
    q = np.random.default_rng(seed).normal(size=4)
    w, x, y, z = q / math.sqrt((q * q).sum())
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees between two rotations."""
    return math.degrees(math.acos(min(1.0, ((one * other).sum() - 1) / 2)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_jaw_that_lies_anyhow(kind: str) -> None:
    for seed in (1, 2):
        turned = random_rotation(seed)
        found = find_orientation(turn(jaw(kind), turned))
        assert angle(found.rotation, turned.T) < 15
        assert found.sure > 0.95
        assert found.crowns is None
        np.testing.assert_allclose(found.rotation @ found.rotation.T, UPRIGHT, atol=1e-12)
        assert np.linalg.det(found.rotation) == pytest.approx(1)
        assert found.faces == "outward"
        assert found.palate == (kind not in ("horseshoe", "crowns"))


@pytest.mark.parametrize(("crowns", "incisors"), [("+z", "-y"), ("-y", "+z"), ("+x", "-z")])
def test_a_jaw_along_its_files_axes_is_turned_by_these_axes(crowns: str, incisors: str) -> None:
    matrix = rotation(crowns, incisors)
    scan = turn(jaw("border"), matrix.T)
    found = find_orientation(scan)
    assert (found.crowns, found.incisors) == (crowns, incisors)
    np.testing.assert_array_equal(found.rotation, matrix)
    np.testing.assert_array_equal(turn(scan, found.rotation).vertices, jaw("border").vertices)


def test_crowns_without_gums() -> None:
    whole = jaw("skirt")
    faces = whole.faces[(whole.labels[whole.faces] > 0).all(axis=1)]
    turned = random_rotation(3)
    scan, _ = clean(turn(Mesh(whole.vertices, faces), turned))
    assert angle(find_orientation(scan).rotation, turned.T) < 15


def test_faces_without_common_vertices_that_look_inward_are_noticed() -> None:
    corners = jaw("border").vertices[jaw("border").faces[:, ::-1]].reshape(-1, 3)
    found = find_orientation(Mesh(corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3)))
    assert (found.crowns, found.incisors) == ("+z", "-y")
    assert found.faces == "inward"
    assert "warning: its faces look inward; the scan may be mirrored" in in_words(found.as_dict())


def test_a_mirrored_scan_is_noticed_by_its_faces_and_refused_by_its_labels() -> None:
    mirrored = replace(jaw("border"), vertices=jaw("border").vertices * [-1, 1, 1])
    found = find_orientation(mirrored)
    assert (found.crowns, found.incisors, found.faces) == ("+z", "-y", "inward")
    check_labels(jaw("border"), "a.obj", "its shape")
    check_labels(replace(mirrored, labels=None), "a.obj", "its shape")
    with pytest.raises(ScanError, match=r"^a\.obj: by its shape, .*labels name lie mirrored, left for right"):
        check_labels(mirrored, "a.obj", "its shape")
    with pytest.raises(ScanError, match=r"^a\.obj: by its axes, .*labels name lie back to front"):
        check_labels(replace(jaw("border"), vertices=jaw("border").vertices * [1, -1, 1]), "a.obj", "its axes")


def plate(x: float, y: float, z: float) -> Mesh:
    """A box around the origin."""
    corners = np.array([[i, j, k] for i in (-x, x) for j in (-y, y) for k in (-z, z)]) / 2
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([triangle for a, b, c, d in quads for triangle in ([a, b, c], [a, c, d])], np.int32)
    return Mesh(corners, faces)


@pytest.mark.parametrize("size", [(60, 50, 20), (60, 60, 60)])
def test_what_has_no_teeth_is_refused(size: tuple[float, float, float]) -> None:
    with pytest.raises(ScanError, match=r"^a\.obj: its shape doesn't tell how it lies; .*% sure.*--crowns"):
        find_orientation(plate(*size), "a.obj")


def test_a_sheet_is_refused() -> None:
    sheet = Mesh(np.array([[0.0, 0, 0], [60, 0, 0], [60, 50, 0]]), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(ScanError, match=r"^a\.obj: it is flat"):
        find_orientation(sheet, "a.obj")


def test_what_is_found_in_words() -> None:
    found = {
        "rotation": UPRIGHT.tolist(), "crowns": "+z", "incisors": "-y", "sure": 0.9876, "palate": True,
        "faces": "outward", "millimetres_per_unit": 1000.0,
    }  # fmt: skip
    assert in_words(found) == "crowns to +z, incisors at -y (98.8% sure); its unit is 1000 mm"
    askew = found | {"crowns": None, "incisors": None, "palate": False}
    assert in_words(askew).startswith("crowns to (0.00, 0.00, 1.00), incisors at (-0.00, -1.00, -0.00) (98.8% sure)")
    assert "no palate: an upper jaw or a lower one, which its shape doesn't tell" in in_words(askew)
    assert in_words({"millimetres_per_unit": 10.0}) == "its unit is 10 mm"


def test_axes_that_are_named_against_the_shape_are_told() -> None:
    mesh = jaw("horseshoe")
    assert against_shape(mesh, "+z", "-y") == {}
    found = against_shape(mesh, "+z", "+y")
    assert (found["against_shape"]["crowns"], found["against_shape"]["incisors"]) == ("+z", "-y")
    assert in_words(found).startswith("warning: by its shape it has crowns to +z, incisors at -y (")
    flat = Mesh(np.array([[0.0, 0, 0], [50, 0, 0], [0, 50, 0]]), np.array([[0, 1, 2]], np.int32))
    assert against_shape(flat, "+z", "+y") == {}, "a shape that doesn't tell says nothing"


@pytest.mark.parametrize(("names", "crowns", "incisors"), [("smartee", "-y", "+z"), ("open3sdcm", "+y", "+z")])
def test_real_scans(names: str, crowns: str, incisors: str, shared: Path) -> None:
    for path in sorted((shared / "scans").glob(f"{names}*.[op]*")):
        found = find_orientation(read_mesh(path), path)
        assert angle(found.rotation, rotation(crowns, incisors)) < 15
        assert found.faces == "outward"
        assert found.palate == (names == "open3sdcm")
