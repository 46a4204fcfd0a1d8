"""Mirrored cases: what a camera sees of a mirrored jaw is the mirror image of what it saw."""

from typing import Any

import numpy as np
import pytest
import torch

from model.cases.batch import Batch
from model.cases.case import Case
from model.cases.mirror import AXES, mirrored, mirrored_back, mirrored_views
from model.geometry.field import FieldPrediction, mean_prediction
from model.geometry.projection import project
from model.networks.field import FieldConfig, FieldNetwork
from scans.cameras import Camera, camera_array
from scans.mesh import LABELS
from tests.model.networks.test_field import KWARGS
from tests.model.training.test_loop import surfaces

SIZE = 8


def batch() -> Batch:
    """Two equal cases of two views; their cameras stand askew, with an axis beside the middle of the picture."""
    rng = np.random.default_rng(0)
    cameras = []
    for orthographic in (False, True):
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        rotation *= np.linalg.det(rotation)
        transform = np.eye(4)
        transform[:3, :3], transform[:3, 3] = rotation, 3 * rotation[:, 2] + 0.1
        cameras.append(
            Camera(transform=transform, fx=9, fy=11, cx=3, cy=5, width=SIZE, height=SIZE, orthographic=orthographic)
        )
    points = torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32))
    return Batch(
        views=torch.arange(2 * SIZE * SIZE, dtype=torch.uint8).view(1, 2, SIZE, SIZE).repeat(2, 1, 1, 1),
        view_mask=torch.ones(2, 2, dtype=torch.bool),
        points=points.repeat(2, 1, 1),
        radius=torch.full((2,), 40.0),
        cameras=torch.from_numpy(camera_array(cameras)).repeat(2, 1, 1),
        normals=torch.nn.functional.normalize(points, dim=1).repeat(2, 1, 1),
        labels=torch.tensor([[0, 11, 28, 35, 41]] * 2, dtype=torch.uint8),
    )


def test_a_chosen_case_is_mirrored_and_the_other_stays() -> None:
    before = batch()
    after = mirrored(before, torch.tensor([True, False]))
    for name in ("views", "cameras", "points", "normals", "labels"):
        assert torch.equal(getattr(after, name)[1], getattr(before, name)[1]), name
    assert torch.equal(after.views[0], before.views[0].flip(-1))
    for name in ("points", "normals"):
        assert torch.equal(getattr(after, name)[0], getattr(before, name)[0] * torch.tensor([-1.0, 1.0, 1.0])), name
    assert after.labels is not None
    assert after.labels[0].tolist() == [0, 21, 18, 45, 31]
    assert torch.equal(after.view_mask, before.view_mask)
    assert torch.equal(after.radius, before.radius)


def test_mirrored_cameras_see_mirrored_points_in_the_mirrored_places() -> None:
    before = batch()
    after = mirrored(before, torch.ones(2, dtype=torch.bool))
    assert before.cameras is not None
    assert after.cameras is not None
    there, here = project(before.points.double(), before.cameras), project(after.points.double(), after.cameras)
    torch.testing.assert_close(here.uv, there.uv * torch.tensor([-1.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(here.depth, there.depth)
    rotations = after.cameras[0, :, :16].view(2, 4, 4)[:, :3, :3]
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(2, dtype=torch.float64))


def test_colour_pictures_are_flipped_along_their_width() -> None:
    grey = batch()
    colour = mirrored(
        Batch(grey.views[..., None].repeat(1, 1, 1, 1, 3), grey.view_mask, grey.points, grey.radius, grey.cameras),
        torch.ones(2, dtype=torch.bool),
    )
    assert torch.equal(colour.views[..., 2], grey.views.flip(-1))
    assert colour.normals is None


def test_cases_without_cameras_are_refused() -> None:
    plain = batch()
    with pytest.raises(ValueError, match="cameras"):
        mirrored(Batch(plain.views, plain.view_mask, plain.points, plain.radius), torch.ones(2, dtype=torch.bool))


def test_a_network_that_sees_a_jaw_and_its_mirror_image_answers_alike_for_both() -> None:
    """For any weights: the mean of both fields at a point is that of the mirror image at the mirrored point."""
    torch.manual_seed(0)
    network = FieldNetwork(FieldConfig(**KWARGS)).eval()
    generator = torch.Generator().manual_seed(1)
    views = torch.randint(0, 256, (1, 2, 32, 32), generator=generator, dtype=torch.uint8)
    mask, cameras = torch.ones(1, 2, dtype=torch.bool), batch().cameras[:1].clone()
    points = torch.rand(1, 50, 3, generator=generator) - 0.5
    mirror = mirrored_views(views, cameras)
    with torch.no_grad():
        plain = network.encode(views, mask, cameras)
        other = network.encode(mirror[0], mask, mirror[1])
        here = network._query_both(plain, other, points)
        there = mirrored_back(network._query_both(other, plain, points * torch.tensor(AXES)))
        alone = network.query(plain, points)
    assert not torch.allclose(alone.signed_distances, here.signed_distances, atol=1e-4), "both have a part in it"
    for name, first, second in zip(here._fields, here, there, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5, msg=name)


def test_teeth_change_sides() -> None:
    logits = torch.zeros(1, 1, len(LABELS))
    logits[..., LABELS.index(13)], logits[..., LABELS.index(0)] = 2.0, 1.0
    prediction = FieldPrediction(torch.ones(1, 1, 3), torch.ones(1, 1), torch.ones(1, 1, 3), torch.ones(1, 1), logits)
    back = mirrored_back(prediction)
    assert {LABELS[place]: back.class_logits[0, 0, place].item() for place in back.class_logits[0, 0].nonzero()} == {
        23: 2.0,
        0: 1.0,
    }
    assert back.points[0, 0].tolist() == back.normals[0, 0].tolist() == [-1, 1, 1]


def test_normals_of_any_length_count_alike_in_a_mean() -> None:
    zero, logits = torch.zeros(1, 1), torch.zeros(1, 1, len(LABELS))
    first = FieldPrediction(torch.zeros(1, 1, 3), zero + 0.1, torch.tensor([[[9.0, 0, 0]]]), zero, logits)
    second = FieldPrediction(torch.zeros(1, 1, 3), zero + 0.3, torch.tensor([[[0, 0.1, 0]]]), zero + 2, logits + 4)
    mean = mean_prediction(first, second)
    assert mean.normals[0, 0].tolist() == [0.5, 0.5, 0.0]
    assert (mean.signed_distances.item(), mean.unsigned_distances.item()) == (pytest.approx(0.2), 1.0)
    assert mean.class_logits[0, 0, 5] == 2.0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_cases_of_a_step_is_mirrored(share: float, cases: list[Case]) -> None:
    network = FieldNetwork(FieldConfig(**KWARGS, mirror=share))
    batch = Batch.collate(surfaces(cases[:1]) * 60)
    batch.views[..., 0] = 7  # the discs are their own mirror images
    network.set_priors(torch.zeros(5, 3), 3.7)
    shown: list[torch.Tensor] = []

    def module(views: torch.Tensor, *inputs: Any, **options: Any) -> Any:
        shown.append(views)
        return network(views, *inputs, **options)

    with torch.no_grad():
        network.loss_terms(module, batch, {}, 0.0, np.random.default_rng(0))
    flipped = (shown[0] == batch.views.flip(3)).flatten(1).all(dim=1)
    assert ((shown[0] == batch.views).flatten(1).all(dim=1) ^ flipped).all(), "each is whole, or mirrored"
    assert flipped.float().mean() == pytest.approx(share, abs=0.2)
