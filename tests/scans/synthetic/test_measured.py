"""Measured crowns, from a model made by hand and from the published one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scans.errors import UserError
from scans.seeds import generator
from scans.synthetic.crown_model import TEETH, CrownModel, read_model
from scans.synthetic.field import SOLID_STEP
from scans.synthetic.jaw import make_jaw
from scans.synthetic.measured import solid, stacked_solids, with_measured
from scans.synthetic.patient import draw
from tests.scans.synthetic.model_folder import HALF, write_model

PUBLISHED = Path(__file__).resolve().parents[4] / "shared" / "ssm"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> CrownModel:
    return read_model(write_model(tmp_path_factory.mktemp("model")))


def test_the_model_is_turned_into_the_frame_of_the_jaws(model):
    middle = {fdi: crown.points.mean(axis=0) for fdi, crown in model.crowns.items()}
    assert set(middle) == set(TEETH)
    assert middle[16][0] > 0 > middle[26][0]  # patient right at +x
    assert middle[11][1] < middle[17][1]  # incisors at -y
    np.testing.assert_allclose(np.ptp(model.crowns[11].points, axis=0), 2 * HALF[[0, 2, 1]], atol=0.1)


def test_normals_point_outward_whatever_their_signs_in_the_file(model):
    for crown in model.crowns.values():
        off = crown.points - crown.points.mean(axis=0)
        assert ((off * crown.normals).sum(axis=1) > 0).all()


def test_a_solid_is_the_signed_distance_to_the_surface_of_its_points():
    radius, count = 4.0, 1500
    turn, z = np.arange(count) * 2.39996323, 1 - (2 * np.arange(count) + 1) / count
    sphere = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    order = np.argsort(((sphere[:, None] - sphere[None]) ** 2).sum(axis=2), axis=1)[:, 1:11]
    found = solid(radius * sphere, sphere, order)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in found.distance.shape), indexing="ij"), axis=-1)
    truth = np.linalg.norm(grid * SOLID_STEP + found.low, axis=-1) - radius
    assert np.abs(found.distance - truth)[np.abs(truth) < 0.4].max() < 0.03
    assert np.abs(found.distance - truth)[np.abs(truth) < 1].max() < 0.2  # planes leave a curved surface
    assert (np.sign(found.distance) == np.sign(truth))[np.abs(truth) > 0.1].all()


def test_solids_of_different_sizes_are_stacked():
    one = solid(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.zeros((1, 1), int))
    small = replace(one, distance=one.distance[:3])
    stack, low = stacked_solids([one, small])
    assert stack.shape == (2, *one.distance.shape)
    np.testing.assert_array_equal(stack[1, :3], small.distance)
    assert low.shape == (2, 3)


def test_measured_teeth_have_the_models_size_and_the_others_their_own(model):
    patient = draw(generator(1, "measured"))
    changed, solids = with_measured(patient, model, generator(2, "measured"))
    for before, after in zip(patient.sides[0], changed.sides[0], strict=True):
        if after.fdi in solids:
            assert before.form == "permanent"
            assert before.fdi % 10 < 8
            assert 0.74 * 6.0 < min(after.size) < max(after.size) < 1.26 * 8.6
            assert before.gap == after.gap
        else:
            assert before == after
    assert len(solids) >= 4
    assert with_measured(patient, model, generator(2, "measured"))[0] == changed


def test_a_jaw_of_measured_crowns(model):
    mesh = make_jaw(1, "case1", voxel_mm=1.2, model=model)
    plain = make_jaw(1, "case1", voxel_mm=1.2)
    assert mesh.labels is not None
    assert set(np.unique(mesh.labels)) == set(np.unique(plain.labels))
    assert not np.array_equal(mesh.vertices[:100], plain.vertices[:100])


def test_a_file_that_is_missing_or_no_part_of_the_model_is_named(tmp_path):
    write_model(tmp_path)
    (tmp_path / "eigVec_16.npy").write_bytes(b"no array")
    with pytest.raises(UserError, match=r"eigVec_16\.npy.*can't be read"):
        read_model(tmp_path)
    np.save(tmp_path / "eigVec_16.npy", np.zeros((7, 1)))
    with pytest.raises(UserError, match=r"eigVec_16\.npy.*expected finite numbers"):
        read_model(tmp_path)
    (tmp_path / "eigVec_16.npy").unlink()
    with pytest.raises(UserError, match=r"eigVec_16\.npy"):
        read_model(tmp_path)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published model is not beside this checkout")
def test_the_published_model_has_the_norms_sizes():
    model = read_model(PUBLISHED)
    heights = {fdi: float(np.ptp(crown.points[:, 2])) for fdi, crown in model.crowns.items()}
    assert heights[11] == pytest.approx(9.0, abs=0.3)
    assert heights[16] == pytest.approx(6.3, abs=0.3)
    for crown in model.crowns.values():
        off = crown.points - crown.points.mean(axis=0)
        assert ((off * crown.normals).sum(axis=1) > 0).mean() > 0.98
    first = np.sqrt((model.crowns[11].modes[0] ** 2).sum() / 1500)
    assert first == pytest.approx(0.22, abs=0.01)  # mm rms, of a point
