"""P1's network: views → feature vectors → one fused vector → point cloud."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from model.cases.batch import Batch
from model.cases.case import Crop
from model.cases.summary import TrainingSummary
from model.losses.cloud import TERMS, cloud_terms
from model.networks.base import ExportSignature, JawNetwork
from model.networks.decoder import CloudDecoder
from model.networks.encoder import ViewEncoder
from model.networks.fusion import ViewFusion
from model.networks.modulator import FeatureModulator
from model.networks.views import check_views, scatter_views
from model.reconstruction.result import Reconstruction

INITIAL_WEIGHT_SCALE = 0.1  # of the decoder's last weights where its bias starts as the mean shape


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class CloudConfig:
    """Hyperparameters of the cloud network.

    P1 as published: mobilenetv2_100 at 224 px, 10 views, width 512, hidden 1024, 50,000 points; P2: 25,000 points.

    Attributes:
        encoder: name of a timm backbone.
        image_size: pixels; views of another size are resized.
        views: V.
        width: D of the fused vector.
        heads: attention heads.
        modulator_scale: fixed scale of the feature modulator.
        hidden: units of each hidden layer of the decoder.
        dropout: in the decoder.
        points: N.
        initial_cloud: what the untrained decoder predicts: the training cases' mean shape, or random points.
        matched_points: points that the loss terms `matched` and `repulsion` sample from each cloud.
        crop: what the views show that it is trained on; it can't be used with others.
    """

    encoder: str
    image_size: int
    views: int
    width: int
    heads: int
    modulator_scale: float
    hidden: int
    dropout: float
    points: int
    initial_cloud: Literal["mean_shape", "none"]
    matched_points: int
    crop: Crop = "none"


class CloudNetwork(JawNetwork):
    """Predicts a point cloud of fixed size from the views of a fixed rig: (B, V, H, W) → (B, N, 3), normalised frame.

    Raises:
        UserError: timm has no such backbone, or it takes no images of this size.
    """

    kind = "cloud"
    config_type = CloudConfig
    terms = TERMS
    needs_surface = False
    architecture = ("encoder", "image_size", "views", "width", "heads", "modulator_scale", "hidden", "points", "crop")
    config: CloudConfig

    def __init__(self, config: CloudConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ViewEncoder(backbone=config.encoder, image_size=config.image_size)
        self.fusion = ViewFusion(features=self.encoder.features, width=config.width, heads=config.heads)
        self.embedding = nn.Parameter(torch.randn(config.views, config.width) * 0.02)  # of each view by its number
        self.modulator = FeatureModulator(width=config.width, scale=config.modulator_scale)
        self.decoder = CloudDecoder(
            width=config.width, hidden=config.hidden, points=config.points, dropout=config.dropout
        )

    @classmethod
    def initialise(cls, settings: Mapping[str, Any], summary: TrainingSummary) -> Self:
        """See `JawNetwork`."""
        network = cls(
            CloudConfig(
                **settings,
                image_size=summary.image_size,
                views=summary.views,
                points=len(summary.mean_shape),
                crop=summary.crop,
            )
        )
        if network.config.initial_cloud == "mean_shape":
            network.decoder.initialise_from(torch.from_numpy(summary.mean_shape), spread=INITIAL_WEIGHT_SCALE)
        return network

    def forward(
        self, views: torch.Tensor, view_mask: torch.Tensor | None = None, *, dense: bool = False
    ) -> torch.Tensor:
        """Predict point clouds.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            view_mask: (B, V) bool; None for all views. Views where it is False are ignored and may hold any value.
            dense: masked views pass the encoder too, so that no shape depends on values; fewer than V views will do.

        Returns:
            (B, N, 3) float32.

        Raises:
            ValueError: a shape is wrong, or a case has no view.
        """
        if view_mask is None:
            view_mask = torch.ones(views.shape[:2], dtype=torch.bool, device=views.device)
        if dense:
            encoded = self.encoder(views.flatten(0, 1)).unflatten(0, (views.shape[0], views.shape[1]))
            missing = self.config.views  # as many are appended, and the first V kept
            features = torch.cat([encoded, encoded.new_zeros(views.shape[0], missing, encoded.shape[-1])], dim=1)
            view_mask = torch.cat([view_mask, view_mask.new_zeros(views.shape[0], missing)], dim=1)
            features, view_mask = features[:, : self.config.views], view_mask[:, : self.config.views]
        else:
            check_views(views, view_mask)
            if views.shape[1] != self.config.views:
                raise ValueError(f"expected {self.config.views} views, got {views.shape[1]}")
            # Masked views must not enter the statistics of batch norm.
            features = scatter_views(self.encoder(views[view_mask]), view_mask)  # (B, V, F)
        fused = self.fusion(features, self.embedding, view_mask)  # (B, D)
        return self.decoder(self.modulator(fused))  # (B, N, 3)

    def loss_terms(
        self,
        module: Callable[..., Any],
        batch: Batch,
        weights: Mapping[str, float],
        progress: float,
        rng: np.random.Generator,
    ) -> dict[str, torch.Tensor]:
        """See `JawNetwork`."""
        predicted = module(batch.views, batch.view_mask)  # (B, N, 3)
        points = self.config.matched_points
        targets = batch.indexed_points()
        return cloud_terms(predicted, targets, weights, points=points, progress=progress, rng=rng)

    def check_rig(self, views: int) -> str | None:
        """The number of views is fixed."""
        if views == self.config.views:
            return None
        return f"the network is trained for a rig of {self.config.views} cameras, but this one has {views}"

    def forward_dense(self, views: torch.Tensor, view_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:  # type: ignore[override]
        """(points,); see `JawNetwork`."""
        return (self(views, view_mask, dense=True),)

    def export_signature(self, *, colour: bool) -> ExportSignature:
        """See `JawNetwork`."""
        axes = {0: "batch", 1: "views"}
        inputs = self.example_views(2, self.config.views, colour=colour)
        return ExportSignature(inputs, ["points"], {"views": axes, "view_mask": axes})

    def _reconstruct(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor | None,
        points: int,
        rngs: Sequence[np.random.Generator],
    ) -> list[Callable[[], Reconstruction]]:
        del cameras  # the rig is learnt
        clouds = self(views, view_mask).float().cpu().numpy()

        def thinned(cloud: np.ndarray, rng: np.random.Generator) -> Reconstruction:
            if len(cloud) > points:
                cloud = cloud[np.sort(rng.choice(len(cloud), points, replace=False))]
            return Reconstruction(cloud)

        return [partial(thinned, cloud, rng) for cloud, rng in zip(clouds, rngs, strict=True)]
