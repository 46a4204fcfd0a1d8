"""Prediction: pictures in, points out."""

import numpy as np
import torch

from model.network import Network


@torch.inference_mode()
def predict(network: Network, views: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
    """Reconstruct jaws from their views.

    Args:
        network: trained; its mode (training or not) is left as it was.
        views: (B, V, H, W) or (B, V, H, W, 3) uint8, on no device's account: they are moved to the network's.
        present: (B, V) bool, the views that are there; all if None.

    Returns:
        (B, N, 3) float32, normalised frame.

    Raises:
        ValueError: views of another number or shape than the network knows.
    """
    device = next(network.parameters()).device
    mask = None if present is None else torch.from_numpy(present).to(device)
    training = network.training
    network.eval()
    try:
        return network(torch.from_numpy(views).to(device), mask).float().cpu().numpy()
    finally:
        network.train(training)
