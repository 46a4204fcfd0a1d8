"""ImageNet features of views, for comparing sets of pictures."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from model.networks.encoder import ViewEncoder

BACKBONE = "mobilenetv2_100"


class ImageFeatures:
    """MobileNetV2 with its ImageNet weights, (V, H, W) or (V, H, W, 3) uint8 views → (V, 1280) float64 features.

    Features are those before the classifier. The network sees the pictures at their own size, as the pipeline's own
    encoder does, and is never trained.

    Args:
        image_size: side of the pictures, in pixels.
        weights: a safetensors file in timm's names; None lets timm download its own.

    Raises:
        UserError: the download failed, or the file is missing, broken or of another network.
    """

    def __init__(self, image_size: int, weights: Path | None) -> None:
        self._encoder = ViewEncoder(backbone=BACKBONE, image_size=image_size)
        self._encoder.load_pretrained(True if weights is None else weights)
        self._encoder.eval()

    @torch.no_grad()
    def of(self, cases: Iterable[np.ndarray]) -> np.ndarray:
        """(N, V, 1280) features of the views of N cases, V of each; (0, 0, 1280) of no case."""
        found = [self._encoder(torch.from_numpy(views)).double().numpy() for views in cases]
        return np.stack(found) if found else np.empty((0, 0, self._encoder.features))
