"""Whole jaws: one in full, others coarse."""

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from scans.anatomy import TEETH
from scans.errors import UserError
from scans.mesh import UPPER_FDI, Mesh
from scans.mesh_edit import face_components
from scans.preparing.cleaning import clean
from scans.seeds import generator
from scans.synthetic.arch import places
from scans.synthetic.ending import CLOSURES, FILLS, SHARES, Ending, draw_ending
from scans.synthetic.field import probe, voxels
from scans.synthetic.gums import gums
from scans.synthetic.jaw import _grid, make_jaw
from scans.synthetic.patient import Patient, draw
from scans.synthetic.teeth import stacked

COARSE = 0.9


@cache
def coarse(case: str) -> Mesh:
    return make_jaw(1, case, voxel_mm=COARSE)


def patient_of(case: str) -> Patient:
    return draw(generator(1, case))


def ending_of(case: str) -> Ending:
    return draw_ending(patient_of(case), generator(1, f"{case}/scan"))


@cache
def case_with(kind: str, closure: str = "open", *, fill: str | None = None) -> str:
    """The first case of such a body whose scan ends so and that has lost no tooth."""
    return next(
        case
        for case in map("case{}".format, range(3000))
        if patient_of(case).kind == kind
        and all(
            t.present and t.form == "permanent" and not t.fitting and abs(t.level) < 1.0 and abs(t.tip) < 0.15
            for side in patient_of(case).sides
            for t in side
        )
        and (ending_of(case).closure, ending_of(case).fill) == (closure, fill)
    )


@cache
def full() -> Mesh:
    return make_jaw(1, case_with("border"))


def digest(mesh: Mesh) -> str:
    assert mesh.labels is not None
    return hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes() + mesh.labels.tobytes()).hexdigest()


def times_of_edges(faces: np.ndarray) -> np.ndarray:
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


@pytest.mark.slow
def test_the_same_bytes_again_and_in_another_process():
    code = (
        "import hashlib; from scans.synthetic.jaw import make_jaw; m = make_jaw(1, 'again', voxel_mm=0.9);"
        "print(hashlib.sha256(m.vertices.tobytes() + m.faces.tobytes() + m.labels.tobytes()).hexdigest())"
    )
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=alone)
    assert digest(coarse("again")) == digest(make_jaw(1, "again", voxel_mm=COARSE)) == other.stdout.strip()


def test_seeds_and_cases_differ():
    assert len({digest(make_jaw(seed, case, voxel_mm=1.5)) for seed in (1, 2) for case in ("a", "b")}) == 4


def test_a_full_jaw_is_a_sound_mesh():
    mesh = full()
    assert mesh.labels is not None
    assert 15_000 <= len(mesh.vertices) <= 250_000
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.dtype == np.int32
    assert mesh.labels.dtype == np.uint8
    assert mesh.labels.shape == (len(mesh.vertices),)
    np.testing.assert_array_equal(mesh.vertices, np.round(mesh.vertices, 6))
    np.testing.assert_array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices)))
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 1e-6
    assert (times_of_edges(mesh.faces) > 2).mean() < 1e-3


def test_a_full_jaw_measures_what_its_teeth_measure():
    mesh = full()
    arch = places(patient_of(case_with("border")))
    for side in arch:
        for place in side:
            crown = mesh.vertices[mesh.labels == place.tooth.fdi] @ place.axes.T
            np.testing.assert_allclose(np.ptp(crown, axis=0), place.tooth.size, atol=1.8)
            norm = TEETH[place.tooth.kind]
            away = (np.ptp(crown, axis=0) - norm.size) / norm.spread
            assert (np.abs(away) < 6.0).all()


@pytest.mark.parametrize("case", ["case0", "case2", "case6", "case12", "case18"])
def test_labels_are_the_patients_teeth_in_their_places(case):
    mesh, arch = coarse(case), places(patient_of(case))
    assert mesh.labels is not None
    present = {place.tooth.fdi: place for side in arch for place in side if place.tooth.present}
    gum = set() if patient_of(case).kind == "crowns" else {0}
    assert set(np.unique(mesh.labels).tolist()) == {*gum, *present}
    assert set(present) <= set(UPPER_FDI)
    centre = {fdi: mesh.vertices[mesh.labels == fdi].mean(axis=0) for fdi in present}
    middle = mesh.vertices[:, 0].mean()
    for fdi, place in present.items():
        assert (centre[fdi][0] > middle) == (fdi < 20) or fdi % 10 == 1
        shift = centre[fdi] - place.origin - (centre[min(present)] - present[min(present)].origin)
        assert np.abs(shift).max() < 3.5  # all jaws are moved as a whole


def test_frame():
    mesh = full()
    assert mesh.labels is not None
    height, depth = mesh.vertices[:, 2], mesh.vertices[:, 1]
    assert -120 < np.median(height) < -60
    assert height[mesh.labels > 0].mean() > height[mesh.labels == 0].mean() + 3
    incisors, molars = np.isin(mesh.labels % 10, (1, 2)), mesh.labels % 10 == 6
    assert depth[incisors & (mesh.labels > 0)].max() < depth[molars].min()


def test_faces_look_outward():
    vertices, faces = coarse(case_with("base")).vertices, coarse(case_with("base")).faces
    a, b, c = (vertices - vertices.mean(axis=0))[faces].transpose(1, 0, 2)
    assert (a * np.cross(b, c)).sum() / 6 > 10_000  # mm³ that the closed surface holds
    a, b, c = coarse(case_with("horseshoe")).vertices[coarse(case_with("horseshoe")).faces].transpose(1, 0, 2)
    assert np.cross(b - a, c - a)[:, 2].sum() > 0  # an open one looks up


def test_crowns_alone_are_closed_and_stand_apart():
    mesh = coarse(case_with("crowns"))
    assert mesh.labels is not None
    times = times_of_edges(mesh.faces)
    assert (times % 2 == 0).all()  # closed
    assert (times > 2).mean() < 1e-3
    component = face_components(mesh.faces, len(mesh.vertices))
    labels = mesh.labels[mesh.faces[:, 0]]
    teeth = [t.fdi for side in patient_of(case_with("crowns")).sides for t in side]
    assert sorted(np.unique(labels).tolist()) == sorted(teeth)
    assert len(np.unique(np.stack([component, labels]), axis=1).T) == len(teeth)
    for fdi in teeth:
        off = mesh.vertices - mesh.vertices[mesh.labels == fdi].mean(axis=0)
        a, b, c = off[mesh.faces[labels == fdi]].transpose(1, 0, 2)
        assert 50 < (a * np.cross(b, c)).sum() / 6 < 1000  # mm³


@pytest.mark.parametrize("kind", ["border", "horseshoe", "skirt", "base"])
def test_where_open_scans_end(kind):
    mesh = coarse(case_with(kind))
    assert mesh.labels is not None
    open_edges = (times_of_edges(mesh.faces) == 1).sum()
    assert (open_edges == 0) == (kind == "base")
    crowns = mesh.vertices[mesh.labels > 0]
    middle = (crowns.min(axis=0) + crowns.max(axis=0)) / 2
    palate = np.hypot(mesh.vertices[:, 0] - middle[0], mesh.vertices[:, 1] - middle[1] - 6) < 4
    assert palate.any() == (kind != "horseshoe")
    under = crowns[:, 2].min() - mesh.vertices[:, 2].min()
    assert under > 8 if kind in ("base", "skirt") else under > 1


CLOSED = [("border", closure, None) for closure in CLOSURES[1:]]
CLOSED += [("horseshoe", "ruled", fill) for fill in FILLS] + [("horseshoe", "print", None)]


@pytest.mark.parametrize(("kind", "closure", "fill"), CLOSED)
def test_a_base_closes_the_scan(kind, closure, fill):
    mesh = coarse(case_with(kind, closure, fill=fill))
    assert mesh.labels is not None
    times = times_of_edges(mesh.faces)
    assert times.max() == 2  # manifold
    floorless = (times == 1).sum()
    border = np.sort(mesh.vertices[:, 2])[: max(floorless, 3)]
    assert np.ptp(border) < 25  # closed, or open below along one loop
    under = mesh.vertices[mesh.labels > 0][:, 2].min() - 9
    assert (mesh.labels[mesh.vertices[:, 2] < under] == 0).all()
    assert mesh.labels[-1] == 0
    high = np.ptp(mesh.vertices[:, 2])
    assert 33 < high < 60 if closure == "ruled" else 15 < high < 75
    directed = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)  # all faces are turned alike


def test_shares_of_endings():
    assert all(sum(shares) == pytest.approx(1) and len(shares) == len(CLOSURES) for shares in SHARES.values())
    closures = [ending_of(f"case{n}").closure for n in range(300)]
    share = {closure: closures.count(closure) / 300 for closure in CLOSURES}
    assert 0.3 < share["open"] < 0.55  # with the plinths, which are closed solids
    assert 0.2 < share["ruled"] < 0.4
    assert min(share.values()) > 0.03


@pytest.mark.parametrize("case", [f"case{n}" for n in range(12)])
def test_prepare_accepts_every_jaw(case):
    mesh = make_jaw(1, case, voxel_mm=1.2)
    _, report = clean(mesh, case)
    assert report.flat_faces == report.duplicate_faces == report.repeated_corner_faces == 0
    assert report.speck_faces < 0.01 * len(mesh.faces)


def test_skipping_clear_blocks_loses_nothing():
    patient = patient_of("case1")
    rng = generator(1, "skip")
    arch = places(patient)
    crowns, body = stacked(patient, arch, rng), gums(patient, arch, rng)
    corner, shape = _grid(crowns, body, 1.0, "base")
    field = voxels(crowns, body, corner, shape, 1.0)
    index = rng.integers(0, shape, (20_000, 3))
    truth = probe(crowns, body, corner + index)[0]
    np.testing.assert_array_equal(field[tuple(index.T)] < 0, truth < 0)
    rim = np.concatenate([field[ends].ravel() for ends in ([0, -1], np.s_[:, [0, -1]], np.s_[:, :, [0, -1]])])
    assert rim.min() > 0  # the grid holds all of the jaw


def test_an_edge_is_crown_and_the_palate_is_gum():
    patient = patient_of("case1")
    rng = generator(1, "parts")
    arch = places(patient)
    crowns, body = stacked(patient, arch, rng), gums(patient, arch, rng)
    first = arch[0][0]
    edge = first.origin + 0.9 * first.tooth.size[2] * first.axes[2]
    palate = [first.origin[0], first.origin[1] + 25, body.floor + 2]
    assert probe(crowns, body, np.array([edge, palate]))[1].tolist() == [0, -1]


@pytest.mark.parametrize("voxel", [0.0, -1.0, 5.0, float("nan")])
def test_an_impossible_resolution_is_refused(voxel):
    with pytest.raises(UserError, match="voxel_mm"):
        make_jaw(1, "any", voxel_mm=voxel)
