from typing import Any

import numpy as np
import torch

from model.networks.cloud import new_network
from model.reconstruction.predict import predict, reconstruct


def test_it_predicts_in_evaluation_mode_and_leaves_the_mode_alone(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs | {"dropout": 0.5}).train()
    views = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    buffers = {key: value.clone() for key, value in network.named_buffers()}
    clouds = predict(network, views)
    assert network.training
    assert clouds.shape == (2, 64, 3)
    assert clouds.dtype == np.float32
    assert all(torch.equal(value, buffers[key]) for key, value in network.named_buffers())
    network.eval()
    assert np.array_equal(clouds, predict(network, views))
    np.testing.assert_allclose(predict(network, views[1:]), clouds[1:], atol=1e-5)
    assert not network.training


def test_absent_views_are_left_out(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    views = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)
    view_mask = np.array([[True, False, True]])
    clouds = predict(network, views, view_mask)
    views[:, 1] = 0
    assert np.array_equal(predict(network, views, view_mask), clouds)
    assert not np.array_equal(predict(network, views), clouds)


def test_a_cloud_is_thinned_to_the_points_asked_for(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    view_mask, cameras = np.array([True, True, False]), np.zeros((3, 23))
    whole = predict(network, views[None], view_mask[None])[0]
    assert np.array_equal(reconstruct(network, views, view_mask, cameras).points, whole)
    few = reconstruct(network, views, view_mask, cameras, points=20, seed=1).points
    assert few.shape == (20, 3)
    assert {tuple(point) for point in few} <= {tuple(point) for point in whole}
    assert np.array_equal(few, reconstruct(network, views, view_mask, cameras, points=20, seed=1).points)
    assert not np.array_equal(few, reconstruct(network, views, view_mask, cameras, points=20, seed=2).points)
