from dataclasses import replace

import numpy as np
import pytest

from scans.errors import ScanError
from scans.mesh import Mesh
from scans.preparing.label_order import check_label_order


@pytest.fixture
def plane() -> Mesh:
    """20 x 20 vertices on a grid, the left half of them labelled 11."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(20), np.arange(20)))
    corners = np.arange(400).reshape(20, 20)
    a, b, c, d = (part.ravel() for part in (corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]).astype(np.int32)
    return Mesh(np.stack([x, y, 0 * x], axis=1).astype(float), faces, np.where(x < 10, 11, 0).astype(np.uint8))


def test_patches_pass(plane: Mesh) -> None:
    check_label_order(plane, "a.json")
    check_label_order(replace(plane, labels=np.zeros(400, np.uint8)), "a.json")
    check_label_order(replace(plane, labels=None), "a.json")


def test_shuffled_labels_are_refused(plane: Mesh) -> None:
    shuffled = np.random.default_rng(0).permutation(plane.labels)
    with pytest.raises(ScanError, match=r"a\.json: the labels change along [45]\d% of the scan's edges.*another order"):
        check_label_order(replace(plane, labels=shuffled), "a.json")


def test_faces_that_refer_to_nothing_are_no_matter_here(plane: Mesh) -> None:
    check_label_order(replace(plane, faces=np.array([[0, 1, 4000], [-1, 2, 3]], np.int32)), "a.json")
