from typing import Any

import numpy as np
import pytest
import torch

from model.networks.field import FieldConfig, FieldNetwork
from model.networks.registry import NETWORKS
from scans.errors import UserError
from tests.model.conftest import new_network
from tests.model.networks.test_field import KWARGS as FIELD


def test_it_reconstructs_in_evaluation_mode_and_leaves_the_mode_alone(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs | {"dropout": 0.5}).train()
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    buffers = {key: value.clone() for key, value in network.named_buffers()}
    found = network.reconstruct(views, np.ones(3, bool), None)
    assert network.training
    assert found.points.shape == (64, 3)
    assert found.points.dtype == np.float32
    assert all(torch.equal(value, buffers[key]) for key, value in network.named_buffers())
    network.eval()
    assert np.array_equal(found.points, network.reconstruct(views, np.ones(3, bool), None).points)
    assert not network.training


def test_masked_views_are_ignored(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    view_mask = np.array([True, False, True])
    points = network.reconstruct(views, view_mask, None).points
    views[1] = 0
    assert np.array_equal(network.reconstruct(views, view_mask, None).points, points)
    assert not np.array_equal(network.reconstruct(views, np.ones(3, bool), None).points, points)


def test_a_cloud_is_thinned_but_never_extended(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    view_mask, cameras = np.array([True, True, False]), np.zeros((3, 23))
    whole = network.reconstruct(views, view_mask, cameras).points
    assert len(whole) == 64
    few = network.reconstruct(views, view_mask, cameras, points=20, seed=1).points
    assert few.shape == (20, 3)
    assert {tuple(point) for point in few} <= {tuple(point) for point in whole}
    assert np.array_equal(few, network.reconstruct(views, view_mask, cameras, points=20, seed=1).points)
    assert not np.array_equal(few, network.reconstruct(views, view_mask, cameras, points=20, seed=2).points)


def test_a_rig_is_checked_by_the_network(kwargs: dict[str, Any]) -> None:
    cloud = new_network(0, **kwargs)
    assert cloud.check_rig(3) is None
    assert cloud.check_rig(10) == "the network is trained for a rig of 3 cameras, but this one has 10"
    assert FieldNetwork(FieldConfig(**FIELD)).check_rig(17) is None


def test_views_of_another_crop_are_refused(kwargs: dict[str, Any]) -> None:
    assert new_network(0, **kwargs).check_crop("none") is None
    cropped = FieldNetwork(FieldConfig(**FIELD, crop="silhouette"))
    assert cropped.check_crop("silhouette") is None
    reason = "the network is trained with render.crop: silhouette, but these views have none"
    assert cropped.check_crop("none") == reason


def test_a_cloud_continues_from_one_of_the_same_architecture(kwargs: dict[str, Any]) -> None:
    start, network = new_network(0, **kwargs), new_network(1, **kwargs | {"dropout": 0.3})
    network.continue_from(start)
    assert all(torch.equal(value, start.state_dict()[key]) for key, value in network.state_dict().items())
    assert network.config.dropout == 0.3
    with pytest.raises(
        UserError, match=r"another architecture: width is 16, and here 8; hidden is 32, and here 16\. Set"
    ):
        new_network(1, **kwargs | {"width": 8, "hidden": 16}).continue_from(start)
    with pytest.raises(UserError, match=r"it is a cloud, and this a field; set train\.network\.decoder: cloud"):
        FieldNetwork(FieldConfig(**FIELD)).continue_from(start)


def test_a_field_that_continues_starts_from_the_seed_points_of_both() -> None:
    start, network = FieldNetwork(FieldConfig(**FIELD)), FieldNetwork(FieldConfig(**FIELD | {"seed_points": 2}))
    start.set_priors(torch.arange(15.0).reshape(5, 3), mean_log_radius=3.0)
    network.set_priors(torch.tensor([[3.0, 4, 5], [9, 9, 9]]), mean_log_radius=4.0)
    network.continue_from(start)
    assert network.seed_points.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 9, 9], [9, 10, 11], [12, 13, 14]]
    assert network.config.seed_points == 6
    assert network.mean_log_radius == 3.0, "which the radius head goes by"
    assert torch.equal(network.head.weight, start.head.weight)


def test_a_field_is_not_reconstructed_without_cameras() -> None:
    network = FieldNetwork(FieldConfig(**FIELD))
    with pytest.raises(ValueError, match="needs the cameras"):
        network.reconstruct(np.zeros((10, 32, 32), np.uint8), np.ones(10, bool), None)


def test_networks_are_registered_by_their_kind() -> None:
    assert {kind: network.kind for kind, network in NETWORKS.items()} == {"cloud": "cloud", "field": "field"}
