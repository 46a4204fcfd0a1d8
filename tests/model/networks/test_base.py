from typing import Any

import numpy as np
import pytest
import torch

from model.networks.field import FieldConfig, FieldNetwork
from model.networks.registry import NETWORKS
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


def test_a_field_is_not_reconstructed_without_cameras() -> None:
    network = FieldNetwork(FieldConfig(**FIELD))
    with pytest.raises(ValueError, match="needs the cameras"):
        network.reconstruct(np.zeros((10, 32, 32), np.uint8), np.ones(10, bool), None)


def test_networks_are_registered_by_their_kind() -> None:
    assert {kind: network.kind for kind, network in NETWORKS.items()} == {"cloud": "cloud", "field": "field"}
