"""Predicts signed and unsigned distance, normal and FDI label of the nearest surface point, for 3D query points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn
from torch.nn.functional import softplus

from model.cases.batch import Batch
from model.cases.case import Crop
from model.cases.frame_jitter import FrameJitter, with_jittered_frames
from model.cases.mirror import AXES, mirrored, mirrored_back, mirrored_views
from model.cases.summary import TrainingSummary
from model.geometry.field import FieldPrediction, mean_prediction
from model.losses.field import TERMS, QueryConfig, field_targets, field_terms, sample_queries
from model.networks.base import ExportSignature, JawNetwork
from model.networks.case_norm import averaging_matrix, grouped_by_case
from model.networks.encoder import ViewEncoder
from model.networks.feature_grid import FeatureGrid, channels_last
from model.networks.fusion import ViewFusion
from model.networks.pixel_aligned import POOLED, PixelAligned
from model.networks.positional_encoding import positional_encoding
from model.networks.pyramid import FeaturePyramid
from model.networks.views import check_views, scatter_views
from model.reconstruction.from_field import ReconstructionConfig, reconstruct_surfaces
from model.reconstruction.result import Reconstruction
from scans.cameras import CAMERA_COLUMNS, CAMERA_VECTOR_SIZE, INTRINSICS, POSE
from scans.mesh import LABELS

FINEST = 2  # pixels of the image, along a side, in one of the finest map of usual backbones
NUM_FREQUENCIES = 7  # of the positional encoding of query points
GRID_CHANNELS = 24
CAMERA_FEATURES = len(CAMERA_COLUMNS[POSE]) + 5  # see `_camera_features`
DISTANCE_SCALE = 0.1  # jaw radii; signed distances are this times the last layer's output
DISTANCE_SHIFT = -2.0  # of unsigned distances before softplus, which makes them 0.13 at the start
INITIAL_WEIGHT_SCALE = 0.01  # of the last layer's weights for the signed distance


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FieldConfig:
    """Hyperparameters of the field network.

    Attributes:
        encoder: name of a timm backbone.
        image_size: pixels; views of another size are resized.
        width: D of the fused vector, and of the vector that describes a query point.
        heads: attention heads over the views.
        channels: C of the feature pyramid.
        view_width: width of the vector that describes a query point in a single view.
        seed_points: S, number of the points that reconstruction starts from.
        queries: how query points are sampled in training.
        reconstruction: how a surface is made of the field.
        crop: what the views show that it is trained on; it can't be used with others.
        mirror: fraction of the cases that are mirrored from left to right in a training step.
        frame_jitter: how far each case's frame is changed at random in a training step.
    """

    encoder: str
    image_size: int
    width: int
    heads: int
    channels: int
    view_width: int
    seed_points: int
    queries: QueryConfig
    reconstruction: ReconstructionConfig
    crop: Crop = "none"
    mirror: float = 0.0  # as in models that were trained before it was there
    frame_jitter: FrameJitter = FrameJitter()


class ViewFeatures(NamedTuple):
    """Features of the views of B jaws, which any number of queries share.

    Attributes:
        maps: a feature map per view, (B, V, h, w, C), or (B, V, h, w, H) from `PixelAligned.prepare`.
        prepared: whether it is the latter.
        fused: (B, D), one vector of all views.
        log_radius: (B,) natural logarithm of the predicted jaw radius in mm.
        view_mask: (B, V) bool. cameras: (B, V, 23).
    """

    maps: torch.Tensor
    prepared: bool
    fused: torch.Tensor
    log_radius: torch.Tensor
    view_mask: torch.Tensor
    cameras: torch.Tensor


class FieldNetwork(JawNetwork):
    """Predicts a distance field, its normals and labels at 3D query points from N posed images (ours).

    A distance field (as NDF, Chibane et al. 2020, but signed by the nearest normal, and open where the surface ends) on
    pixel-aligned features (PIFu, Saito et al. 2019). Encoder and fusion are P1's, with an embedding of the camera in
    place of the view's number, so that any number of views with any cameras will do. The features of a query point are
    the pixel-aligned ones, its positional encoding, a learned feature grid and the fused vector.
    `model.reconstruction.from_field` makes a surface of the field.

    Raises:
        UserError: timm has no such backbone, or it takes no images of this size.
    """

    kind = "field"
    config_type = FieldConfig
    terms = TERMS
    needs_surface = True
    architecture = ("encoder", "image_size", "width", "heads", "channels", "view_width", "crop")
    config: FieldConfig
    seed_points: torch.Tensor
    mean_log_radius: torch.Tensor

    def __init__(self, config: FieldConfig) -> None:
        super().__init__()
        self.config = config
        width, channels, hidden, heads = config.width, config.channels, config.view_width, config.heads
        self.register_buffer("seed_points", torch.zeros(config.seed_points, 3))
        self.register_buffer("mean_log_radius", torch.zeros(()))
        self.encoder = ViewEncoder(backbone=config.encoder, image_size=config.image_size, by_case=True)
        self.pyramid = FeaturePyramid(channels=self.encoder.channels, width=channels)
        self.pyramid.to(memory_format=torch.channels_last)
        self.camera_embedding = nn.Linear(CAMERA_FEATURES, width)
        self.fusion = ViewFusion(features=self.encoder.features, width=width, heads=heads)
        self.radius = nn.Linear(width, 1)
        self.aligned = PixelAligned(channels=channels, hidden=hidden, heads=heads)
        self.aligned_projection = nn.Linear(POOLED * hidden, width)
        self.position_embedding = nn.Linear(3 + 6 * NUM_FREQUENCIES, width)
        self.feature_grid = FeatureGrid(channels=GRID_CHANNELS, width=width)
        self.grid_projection = nn.Linear(GRID_CHANNELS, width)
        self.fused_projection = nn.Linear(width, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1 + 3 + 1 + len(LABELS))
        with torch.no_grad():
            self.head.weight[:1] *= INITIAL_WEIGHT_SCALE
            self.radius.weight.zero_()
            self.radius.bias.zero_()

    @classmethod
    def initialise(cls, settings: Mapping[str, Any], summary: TrainingSummary) -> Self:
        """See `JawNetwork`."""
        seed_points = torch.from_numpy(summary.seed_points)
        network = cls(
            FieldConfig(**settings, image_size=summary.image_size, seed_points=len(seed_points), crop=summary.crop)
        )
        network.set_priors(seed_points, summary.mean_log_radius)
        return network

    def upgraded(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """See `JawNetwork`; the feature grid was (1, C, D, H, W)."""
        name = "feature_grid.grid"
        if name in state and state[name].ndim == 5 and len(state[name]) == 1:
            return state | {name: channels_last(state[name])}
        return state

    def _state_from(self, other: Self) -> dict[str, torch.Tensor]:
        """See `JawNetwork`; reconstruction starts from the seed points of both."""
        self.seed_points = torch.cat([other.seed_points, self.seed_points]).unique(dim=0)
        self.config = replace(self.config, seed_points=len(self.seed_points))
        return other.state_dict() | {"seed_points": self.seed_points}

    @torch.no_grad()
    def set_priors(self, seed_points: torch.Tensor, mean_log_radius: float) -> None:
        """Set what the network takes from the training cases.

        Args:
            seed_points: (S, 3), from which reconstruction starts.
            mean_log_radius: which the radius head predicts the difference from.
        """
        self.seed_points.copy_(seed_points)
        self.mean_log_radius.fill_(mean_log_radius)

    def forward(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor,
        queries: torch.Tensor,
        seeds: torch.Tensor | None = None,
        *,
        dense: bool = False,
    ) -> tuple[FieldPrediction, torch.Tensor]:
        """Encode the views and predict the field at query points.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            view_mask: (B, V) bool. Views where it is False are ignored and may hold any value.
            cameras: (B, V, 23), see `scans.cameras`.
            queries: (B, Q, 3), normalised frame.
            seeds: (B, P, 3), further query points, which are first projected onto the predicted surface (no gradient),
                so that the loss covers the points that reconstruction visits.
            dense: masked views pass the encoder too, so that no shape depends on values.

        Returns:
            The field at the Q query points and then the P projected ones; the predicted log radius (B,).

        Raises:
            ValueError: a shape is wrong, or a case has no view.
        """
        few = not dense and queries.shape[1] < (self.config.image_size // FINEST) ** 2
        features = self.encode(views, view_mask, cameras, dense=dense, prepare=not few)
        if seeds is not None:
            with torch.no_grad():
                projected = self.query(features, seeds).projected
            queries = torch.cat([queries, projected], dim=1)
        return self.query(features, queries), features.log_radius

    def encode(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor,
        *,
        dense: bool = False,
        prepare: bool = True,
    ) -> ViewFeatures:
        """The part of `forward` that does not depend on the query points.

        Args:
            prepare: for more query points than a map has pixels.
        """
        if dense:
            matrix: torch.Tensor | None = averaging_matrix(view_mask)
            images = views.flatten(0, 1)
        else:
            check_views(views, view_mask)
            if cameras.shape != (*view_mask.shape, CAMERA_VECTOR_SIZE):
                raise ValueError(f"expected cameras of shape (B, V, {CAMERA_VECTOR_SIZE}), got {tuple(cameras.shape)}")
            shown = view_mask.flatten()
            matrix = averaging_matrix(view_mask)[shown][:, shown] if len(view_mask) > 1 else None
            images = views[view_mask]
        cameras = cameras.float()
        with grouped_by_case(matrix):
            vectors, maps = self.encoder.with_maps(images)
        fused = self.fusion(
            scatter_views(vectors, view_mask, dense=dense), self.camera_embedding(_camera_features(cameras)), view_mask
        )
        finest = self.pyramid(maps).permute(0, 2, 3, 1)  # as it lies in memory
        scattered = scatter_views(finest, view_mask, dense=dense)
        if prepare:
            scattered = self.aligned.prepare(scattered, cameras)
        with torch.autocast(device_type=fused.device.type, enabled=False):
            log_radius = self.mean_log_radius + self.radius(fused.float())[:, 0]
        return ViewFeatures(scattered, prepare, fused, log_radius, view_mask, cameras)

    def query(self, features: ViewFeatures, points: torch.Tensor) -> FieldPrediction:
        """The field at query points (B, Q, 3)."""
        aligned = self.aligned(features.maps, features.view_mask, features.cameras, points, prepared=features.prepared)
        x = self.aligned_projection(aligned)
        encoding = positional_encoding(points, NUM_FREQUENCIES)
        x = x + self.position_embedding(encoding) + self.fused_projection(features.fused)[:, None]  # (B, Q, D)
        x = x + self.grid_projection(self.feature_grid(points, features.fused))
        for block in self.blocks:
            x = x + block(x)
        # A distance in bfloat16 would be rounded by more than the errors that are measured.
        with torch.autocast(device_type=x.device.type, enabled=False):
            parts = self.head(self.norm(x.float())).split([1, 3, 1, len(LABELS)], dim=-1)
        signed, normals, unsigned, class_logits = parts
        return FieldPrediction(
            points,
            DISTANCE_SCALE * signed[..., 0],
            normals,
            softplus(unsigned[..., 0] + DISTANCE_SHIFT),
            class_logits,
        )

    def loss_terms(
        self,
        module: Callable[..., Any],
        batch: Batch,
        weights: Mapping[str, float],
        progress: float,
        rng: np.random.Generator,
    ) -> dict[str, torch.Tensor]:
        """See `JawNetwork`; all terms are computed."""
        del weights, progress
        device = batch.views.device
        generator = torch.Generator(device).manual_seed(int(rng.integers(2**63)))
        if self.config.mirror:
            chance = torch.rand(len(batch.radius), generator=generator, device=device)
            batch = mirrored(batch, chance < self.config.mirror)
        if self.config.frame_jitter:
            batch = with_jittered_frames(batch, self.config.frame_jitter, generator)
        if batch.cameras is None:
            raise ValueError("the field network needs cases with cameras")
        queries, seeds = sample_queries(batch.points, self.seed_points, self.config.queries, generator)
        views, view_mask, cameras = batch.views, batch.view_mask, batch.cameras
        dense = views.is_cuda  # shapes that change from step to step make cuDNN choose its kernels anew
        if not dense:
            shown = view_mask.any(dim=0)  # a view that no case of the batch shows costs nothing
            views, view_mask, cameras = views[:, shown], view_mask[:, shown], cameras[:, shown]
        prediction, log_radius = module(
            views, view_mask, cameras, queries, seeds if seeds.shape[1] else None, dense=dense
        )
        target = field_targets(batch, batch.indexed_points(), prediction.points.detach())
        return field_terms(prediction, target, log_radius, batch.radius)

    def check_rig(self, views: int) -> str | None:
        """Any rig will do."""
        del views
        return None

    def forward_dense(  # type: ignore[override]
        self, views: torch.Tensor, view_mask: torch.Tensor, cameras: torch.Tensor, points: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Signed distances, normals, unsigned distances, class logits and log radius; see `JawNetwork`."""
        prediction, log_radius = self(views, view_mask, cameras, points, dense=True)
        return (*prediction[1:], log_radius)

    def export_signature(self, *, colour: bool) -> ExportSignature:
        """See `JawNetwork`."""
        size, batch, views, queries = self.encoder.image_size, 2, 10, 7
        pose = torch.eye(4)
        pose[2, 3] = 3.0  # above the jaw, looking down
        camera = torch.cat([pose.flatten(), torch.tensor([1.5 * size] * 2 + [size / 2] * 2 + [size] * 2 + [0.0])])
        inputs = {
            **self.example_views(batch, views, colour=colour),
            "cameras": camera.expand(batch, views, -1).contiguous(),
            "points": torch.rand(batch, queries, 3, generator=torch.Generator().manual_seed(1)) - 0.5,
        }
        axes = {0: "batch", 1: "views"}
        dynamic = {"views": axes, "view_mask": axes, "cameras": axes, "points": {0: "batch", 1: "points"}}
        return ExportSignature(inputs, [*FieldPrediction._fields[1:], "log_radius"], dynamic)

    def _reconstruct(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor | None,
        points: int,
        rngs: Sequence[np.random.Generator],
    ) -> list[Callable[[], Reconstruction]]:
        if cameras is None:
            raise ValueError("the field network needs the cameras")
        features = self.encode(views, view_mask, cameras, dense=views.is_cuda)
        log_radius = features.log_radius
        field = last_field = partial(self.query, features)
        if self.config.reconstruction.mirrored:
            other_views, other_cameras = mirrored_views(views, cameras)
            others = self.encode(other_views, view_mask, other_cameras, dense=views.is_cuda)
            log_radius = (log_radius + others.log_radius) / 2
            last_field = partial(self._query_both, features, others)
        return reconstruct_surfaces(
            field,
            last_field,
            self.seed_points,
            self.config.reconstruction,
            views=[own[mask].cpu().numpy() for own, mask in zip(views, view_mask, strict=True)],
            cameras=[own[mask].cpu().numpy() for own, mask in zip(cameras, view_mask, strict=True)],
            error_head=self.error_head,
            radius_estimator=self.radius_estimator,
            radii=log_radius.exp().tolist(),
            points=points,
            rngs=rngs,
        )

    def _query_both(self, features: ViewFeatures, mirrored: ViewFeatures, points: torch.Tensor) -> FieldPrediction:
        """The mean of the field of the views and that of the mirrored ones at query points (B, Q, 3)."""
        there = self.query(mirrored, points * points.new_tensor(AXES))
        return mean_prediction(self.query(features, points), mirrored_back(there))


def _camera_features(cameras: torch.Tensor) -> torch.Tensor:
    """(B, V, 17): pose, field of view, principal point and projection type of (B, V, 23) cameras.

    Of the field of view width and height, as tangents of its angles; of the principal point its offset from the
    picture's middle, as a fraction of width and height.
    """
    fx, fy, cx, cy, width, height, orthographic = cameras[..., INTRINSICS].unbind(-1)
    lens = torch.stack([width / fx, height / fy, cx / width - 0.5, cy / height - 0.5, orthographic], dim=-1)
    return torch.cat([cameras[..., POSE], lens], dim=-1)
