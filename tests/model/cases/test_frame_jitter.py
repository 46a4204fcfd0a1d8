"""Jittered frames: pictures stay, so each camera sees each point where it was, and lengths change by one factor."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.cases.batch import TENSORS, Batch
from model.cases.case import Case
from model.cases.frame_jitter import FrameJitter, with_jittered_frames
from model.geometry.projection import project
from model.networks.field import FieldConfig, FieldNetwork
from tests.model.cases.test_mirror import batch
from tests.model.networks.test_field import KWARGS
from tests.model.training.test_loop import surfaces

JITTER = FrameJitter(offset=0.2, scale=0.3, rotation=30)


def jittered(jitter: FrameJitter = JITTER, seed: int = 0) -> Batch:
    return with_jittered_frames(batch(), jitter, torch.Generator().manual_seed(seed))


def test_each_camera_sees_each_point_where_it_was() -> None:
    before, after = batch(), jittered()
    assert before.cameras is not None
    assert after.cameras is not None
    assert not torch.equal(after.points[0], after.points[1]), "each case has a frame of its own"
    there, here = project(before.points.double(), before.cameras), project(after.points.double(), after.cameras)
    torch.testing.assert_close(here.uv, there.uv, atol=1e-5, rtol=0)
    scales = before.radius / after.radius
    torch.testing.assert_close(here.depth, there.depth * scales.double()[:, None, None], atol=1e-5, rtol=0)
    assert torch.equal(after.views, before.views)


def test_lengths_in_millimetres_and_the_angles_of_normals_stay() -> None:
    before, after = batch(), jittered()
    millimetres = [each.points * each.radius[:, None, None] for each in (before, after)]
    for there, here in zip(*millimetres, strict=True):
        torch.testing.assert_close(torch.pdist(here), torch.pdist(there), atol=1e-3, rtol=0)
    assert before.normals is not None
    assert after.normals is not None
    edges = [each.points[:, 1:] - each.points[:, :-1] for each in (before, after)]
    angles = [
        (torch.nn.functional.normalize(edge, dim=-1) * normals[:, 1:]).sum(dim=-1)
        for edge, normals in zip(edges, (before.normals, after.normals), strict=True)
    ]
    torch.testing.assert_close(angles[1], angles[0], atol=1e-5, rtol=0)
    assert after.cameras is not None
    rotations = after.cameras[..., :16].unflatten(-1, (4, 4))[..., :3, :3]
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3, dtype=torch.float64).expand_as(rotations))
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(2, 2, dtype=torch.float64))


@pytest.mark.parametrize("name", ["offset", "scale", "rotation"])
def test_each_bound_holds_by_itself(name: str) -> None:
    before, bound = batch(), {"offset": 0.2, "scale": 0.3, "rotation": 20.0}[name]
    assert before.cameras is not None
    found = []
    for seed in range(200):
        after = jittered(FrameJitter(**{name: bound}), seed)
        assert after.cameras is not None
        poses = [each[:, 0, :16].unflatten(-1, (4, 4))[:, :3, :3] for each in (before.cameras, after.cameras)]
        rotation = poses[1] @ poses[0].mT
        scale = (before.radius / after.radius)[:, None]
        changes = {
            "offset": (after.points - scale[..., None] * (before.points @ rotation.float().mT))[:, 0].numpy(),
            "scale": scale.numpy() - 1,
            "rotation": Rotation.from_matrix(rotation.numpy()).as_rotvec(degrees=True),
        }
        found.append(changes.pop(name))
        assert all(np.abs(other).max() < 1e-4 for other in changes.values())
    largest = np.abs(np.concatenate(found)).max(axis=0)
    assert (largest < bound * 1.001).all()
    assert (largest > bound * 0.9).all()


def test_the_same_seed_gives_the_same_frames() -> None:
    for name in TENSORS:
        assert torch.equal(getattr(jittered(), name), getattr(jittered(), name)), name
    assert not torch.equal(jittered().points, jittered(seed=1).points)


def test_cases_without_cameras_are_refused() -> None:
    plain = batch()
    with pytest.raises(ValueError, match="cameras"):
        with_jittered_frames(Batch(plain.views, plain.view_mask, plain.points, plain.radius), JITTER, torch.Generator())


def test_a_training_step_has_frames_of_its_own(cases: list[Case]) -> None:
    shown = {}
    for jitter in (FrameJitter(), JITTER):
        network = FieldNetwork(FieldConfig(**KWARGS, frame_jitter=jitter))
        network.set_priors(torch.zeros(5, 3), 3.7)
        seen: list[torch.Tensor] = []

        network.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[2]))
        with torch.no_grad():
            network.loss_terms(network, Batch.collate(surfaces(cases[:1]) * 2), {}, 0.0, np.random.default_rng(0))
        shown[bool(jitter)] = seen[0]
    assert torch.equal(shown[False][0], torch.from_numpy(surfaces(cases[:1])[0].cameras))
    assert not torch.equal(shown[True][0], shown[True][1])
    assert not torch.equal(shown[True][0], shown[False][0])
