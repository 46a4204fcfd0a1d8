"""Prediction: pictures in, points out."""

import numpy as np
import torch

from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork
from model.reconstruction.from_field import reconstruct_surface
from model.reconstruction.result import Reconstruction
from scans.seeds import generator


@torch.inference_mode()
def predict(network: CloudNetwork, views: np.ndarray, view_mask: np.ndarray | None = None) -> np.ndarray:
    """Reconstruct jaws from their views.

    Args:
        network: trained; its mode (training or not) is left as it was.
        views: (B, V, H, W) or (B, V, H, W, 3) uint8, on no device's account: they are moved to the network's.
        view_mask: (B, V) bool, the views that are there; all if None.

    Returns:
        (B, N, 3) float32, normalised frame.

    Raises:
        ValueError: views of another number or shape than the network knows.
    """
    device = next(network.parameters()).device
    mask = None if view_mask is None else torch.from_numpy(view_mask).to(device)
    training = network.training
    network.eval()
    try:
        return network(torch.from_numpy(views).to(device), mask).float().cpu().numpy()
    finally:
        network.train(training)


def reconstruct(
    network: CloudNetwork | FieldNetwork,
    views: np.ndarray,
    view_mask: np.ndarray,
    cameras: np.ndarray | None,
    points: int = 50_000,
    seed: int = 0,
) -> Reconstruction:
    """Reconstruct one jaw.

    Args:
        network: trained; its mode (training or not) is left as it was.
        views: (V, H, W) or (V, H, W, 3) uint8; what stands in absent places is never read.
        view_mask: (V,) bool.
        cameras: (V, 23) float64, as in the shards; a cloud network knows its rig and does not ask.
        points: how many points to return; a cloud that has more is thinned by chance, one that has fewer stays.
        seed: of all chance.

    Raises:
        ValueError: views of another number or shape than the network knows, or a field network without cameras.
    """
    rng = generator(seed, "points")
    if isinstance(network, FieldNetwork):
        if cameras is None:
            raise ValueError("this network must know the cameras")
        training = network.training
        network.eval()
        try:
            return reconstruct_surface(network, views, view_mask, cameras, points, rng)
        finally:
            network.train(training)
    cloud = predict(network, views[None], view_mask[None])[0]
    if len(cloud) > points:
        cloud = cloud[np.sort(rng.choice(len(cloud), points, replace=False))]
    return Reconstruction(cloud)
