"""Point cloud decoder (P1: an MLP to 50,000 × 3; P2: 512 → 1024 → 1024 → 25,000 × 3)."""

import torch
from torch import nn


class CloudDecoder(nn.Module):
    """(B, D) → (B, N, 3) in the normalised frame, by an MLP D → h → h → 3·N with dropout after each hidden layer.

    Every coordinate of every point is an output of its own, so the last layer is a linear basis of clouds. With P1's
    D = 512, h = 1024, N = 50,000 it has 155.3 M parameters. The papers name no activation. Ours is GELU: with ReLU all
    hidden units died within a few epochs, and the network predicted one constant cloud.

    Args:
        width: D.
        hidden: h.
        points: N.
        dropout: of the hidden units, in training.
    """

    def __init__(self, *, width: int, hidden: int, points: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.basis = nn.Linear(hidden, 3 * points)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(x)
        # A coordinate in bfloat16 would be rounded to 0.004, more than the distances that are measured.
        with torch.autocast(device_type=x.device.type, enabled=False):
            return self.basis(hidden.float()).unflatten(-1, (-1, 3))  # (B, N, 3)

    @torch.no_grad()
    def initialise_from(self, cloud: torch.Tensor, *, spread: float) -> None:
        """Let the untrained decoder predict an initial cloud, such as the mean shape, and learn the difference from it.

        Args:
            cloud: (N, 3), becomes the last bias.
            spread: factor of the last layer's random weights, so that first predictions are near the cloud.

        Raises:
            ValueError: the cloud is not (N, 3).
        """
        if cloud.shape != (self.basis.out_features // 3, 3):
            raise ValueError(f"expected a cloud of shape ({self.basis.out_features // 3}, 3), got {tuple(cloud.shape)}")
        self.basis.bias.copy_(cloud.reshape(-1))
        self.basis.weight.mul_(spread)
