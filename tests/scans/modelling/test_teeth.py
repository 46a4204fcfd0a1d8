from collections.abc import Callable

import numpy as np

from scans.mesh import GINGIVA, Mesh
from scans.modelling.parts import area
from scans.modelling.teeth import teeth


def test_each_tooth_has_the_faces_that_are_mostly_its_own(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(6)  # 11 has the columns 0 to 2, 21 those from 3 on
    labels = mesh.labels.copy()
    labels[mesh.vertices[:, 1] == 0] = GINGIVA
    crowns, said = teeth(Mesh(mesh.vertices, mesh.faces, labels))
    assert sorted(crowns) == [11, 21]
    assert said == []
    assert area(crowns[11]) + area(crowns[21]) == 36 - 6 * 0.5 - 0.5  # one face has three labels, first the gingiva
    assert crowns[11].vertices[:, 0].max() == 3
    assert crowns[21].labels is None


def test_specks_of_a_tooth_are_dropped_and_told(sheet: Callable[..., Mesh]) -> None:
    mesh = sheet(20)
    labels = np.where(mesh.vertices[:, 0] < 15, 11, GINGIVA).astype(np.uint8)
    labels[(mesh.vertices[:, 0] == 18) & (np.abs(mesh.vertices[:, 1] - 10) < 2)] = 11
    crowns, said = teeth(Mesh(mesh.vertices, mesh.faces, labels))
    assert said == ["tooth 11: 1 speck dropped, the largest of 2.0 mm²"]
    assert crowns[11].vertices[:, 0].max() == 15
