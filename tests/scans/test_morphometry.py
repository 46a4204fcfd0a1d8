import numpy as np
import pytest

from scans.mesh import Mesh
from scans.morphometry import Morphometry, measure, summarise

# Tooth, centre, mesiodistal and buccolingual half width; all from 0 to 8 mm high. The arch runs along x at the front.
BOXES = {
    16: ((25.0, 30.0), (4.0, 5.0)),
    13: ((16.0, 0.0), (3.0, 3.0)),
    11: ((4.0, 0.0), (4.0, 3.0)),
    21: ((-4.0, 0.0), (4.0, 3.0)),
    23: ((-16.0, 0.0), (3.0, 3.0)),
    26: ((-25.0, 30.0), (4.0, 5.0)),
}


def box(x: float, y: float, half_x: float, half_y: float) -> np.ndarray:
    """The eight corners."""
    return np.array([[x + a * half_x, y + b * half_y, z] for a in (-1, 1) for b in (-1, 1) for z in (0.0, 8.0)])


def jaw_of_boxes(boxes: dict = BOXES) -> Mesh:
    corners = [box(*centre, *halves) for centre, halves in boxes.values()]
    labels = np.repeat(np.array(list(boxes), np.uint8), 8)
    return Mesh(np.concatenate(corners), np.array([[0, 1, 2]], np.int32), labels)


def measured(mesh: Mesh, labels: np.ndarray | None = None) -> Morphometry:
    own = mesh.labels if labels is None else labels
    return measure(mesh, mesh.vertices, np.tile([0.0, 0.0, 1.0], (len(mesh.vertices), 1)), own)


def test_extents_and_arch_of_boxes() -> None:
    found = measured(jaw_of_boxes())
    assert (found.width, found.depth, found.height) == (58.0, 38.0, 8.0)
    assert (found.arch_width, found.canine_width) == (50.0, 32.0)
    assert found.arch_depth == 30.0 + 3.0
    assert found.gingiva_fraction == 0.0


def test_incisors_along_the_arch_and_across_it() -> None:
    crowns = measured(jaw_of_boxes()).crowns
    assert crowns[11] == crowns[21] == (8.0, 6.0, 8.0)
    assert list(crowns) == [16, 13, 11, 21, 23, 26]


def test_a_crown_whose_arch_runs_backwards_is_as_wide_as_it_is_deep() -> None:
    one_side = {kind: ((20.0, 10.0 * kind), (3.0, 4.5)) for kind in (14, 15, 16)}
    assert measured(jaw_of_boxes(one_side)).crowns[15] == pytest.approx((9.0, 6.0, 8.0))


def test_a_single_tooth_tells_no_direction_of_the_arch() -> None:
    assert measured(jaw_of_boxes({11: BOXES[11]})).crowns == {}


def test_a_missing_molar_leaves_out_what_is_taken_from_it() -> None:
    found = measured(jaw_of_boxes({fdi: own for fdi, own in BOXES.items() if fdi != 26}))
    assert (found.arch_width, found.arch_depth, found.canine_width) == (None, None, 32.0)


def test_without_labels_only_the_shape_is_measured() -> None:
    mesh = Mesh(jaw_of_boxes().vertices, np.array([[0, 1, 2]], np.int32), None)
    found = measured(mesh, np.zeros(len(mesh.vertices), np.uint8))
    assert (found.width, found.crowns, found.arch_width, found.gingiva_fraction) == (58.0, {}, None, None)


def test_the_vault_is_the_palate_below_the_occlusal_plane() -> None:
    floor = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(15, 20), indexing="ij"), axis=-1).reshape(-1, 2)
    palate = np.column_stack([floor, np.full(len(floor), -6.0)])
    under = palate - [0, 0, 20.0]  # a closed base's floor, which the palate hides
    mesh = jaw_of_boxes()
    points = np.concatenate([mesh.vertices, palate, under])
    labels = np.zeros(len(points), np.uint8)
    assert measure(mesh, points, np.ones((len(points), 3)), labels).vault_depth == pytest.approx(14.0)


def test_crowns_alone_have_no_vault() -> None:
    arms_only = {fdi: own for fdi, own in BOXES.items() if fdi in (16, 26)}
    assert measured(jaw_of_boxes(arms_only)).vault_depth is None


def test_normals_fall_into_six_equal_steps() -> None:
    mesh = jaw_of_boxes()
    normals = np.zeros((len(mesh.vertices), 3))
    normals[:, 2] = np.resize([-1.0, 0.1, 0.2, 1.0], len(normals))
    found = measure(mesh, mesh.vertices, normals, mesh.labels)
    assert found.normals == (0.25, 0.0, 0.0, 0.5, 0.0, 0.25)


def test_a_summary_counts_the_jaws_that_have_a_size() -> None:
    narrow = {fdi: ((0.9 * x, y), halves) for fdi, ((x, y), halves) in BOXES.items() if fdi != 26}
    found = summarise([measured(jaw_of_boxes()), measured(jaw_of_boxes(narrow))])
    assert found["canine_width"] == {"mean": pytest.approx(30.4), "deviation": pytest.approx(1.6), "jaws": 2}
    assert found["arch_width"]["jaws"] == 1
    assert found["crowns"]["11"]["mesiodistal"] == {"mean": 8.0, "deviation": 0.0, "jaws": 2}
    assert found["crowns"]["26"]["height"]["jaws"] == 1
    assert len(found["normals"]) == 6


def test_a_summary_of_nothing() -> None:
    found = summarise([])
    assert found["width"] is None
    assert (found["normals"], found["crowns"]) == ([], {})
