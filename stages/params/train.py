"""The section `train` of the parameter tree."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from stages.params.section import Section, Seed, Share


class NetworkParams(Section):
    """What all networks have: an image encoder and attention over the views, as in arXiv 2606.05998."""

    decoder: Literal["cloud", "field"] = Field(
        "field",
        description="`cloud`, the papers' MLP to a point cloud, or `field`, ours: a surface from known cameras.",
    )
    encoder: str = Field("mobilenetv2_035", min_length=1, description="Image encoder: any timm backbone.")
    pretrained: bool | str = Field(
        False, description="ImageNet weights: false, true (downloaded by timm) or a safetensors file."
    )
    width: int = Field(128, ge=8, le=8192, description="Width of a view's feature vector and of the fused one.")
    heads: int = Field(4, ge=1, le=64, description="Attention heads; they divide `width`.")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "NetworkParams":
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} must divide width={self.width}")
        return self


class LossStageParams(Section):
    """Loss weights from an epoch on."""

    first_epoch: int = Field(0, ge=0, description="The epoch, from 0, from which these weights hold.")
    chamfer: float = Field(1.0, ge=0, description="Weight of the Chamfer distance.")
    l1: float = Field(0.0, ge=0, description="Weight of the index-wise L1 distance, as the papers have it.")
    nearest_l1: float = Field(0.0, ge=0, description="Weight of the L1 distance between nearest neighbours.")
    density: float = Field(
        0.0, ge=0, description="Weight of the density-aware Chamfer distance, α = 40 on plain distances."
    )
    matched: float = Field(0.0, ge=0, description="Weight of P2's one-to-one matching.")
    repulsion: float = Field(0.0, ge=0, description="Weight of P2's repulsion.")


class CloudParams(Section):
    """The decoder `cloud`, the papers'."""

    modulator_scale: float = Field(0.1, ge=0, le=10, description="Fixed scale of the feature modulator.")
    hidden: int = Field(128, ge=8, le=8192, description="Width of the decoder's hidden layers.")
    dropout: Share = Field(0.1, description="Dropout in the decoder.")
    initial_cloud: Literal["mean_shape", "none"] = Field(
        "mean_shape", description="What the decoder predicts before training: the mean shape, or random points."
    )
    matched_points: int = Field(
        5000,
        ge=16,
        le=100_000,
        description="Points that `matched` and `repulsion` sample; 1000 take 0.2 s, 5000 6-16 s.",
    )
    loss: tuple[LossStageParams, ...] = Field(
        (LossStageParams(),),
        min_length=1,
        description="Stages of the loss weights; P1 has two, P2 three.",
    )

    @model_validator(mode="after")
    def _loss_stages_follow_each_other(self) -> "CloudParams":
        starts = [stage.first_epoch for stage in self.loss]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError(f"loss: first_epoch must start at 0 and rise from stage to stage, got {starts}")
        if not all(any(weights.values()) for _, weights in self.loss_stages()):
            raise ValueError("loss: each stage needs a weight above 0")
        return self

    def loss_stages(self) -> list[tuple[int, dict[str, float]]]:
        """First epoch and weights of each stage."""
        return [(stage.first_epoch, stage.model_dump(exclude={"first_epoch"})) for stage in self.loss]


class FieldLossParams(Section):
    """Weights of the field's loss terms."""

    signed_distance: float = Field(1.0, ge=0, description="Of the signed distance to the surface's tangent plane.")
    sign: float = Field(0.5, ge=0, description="Of its sign: outside or inside.")
    unsigned_distance: float = Field(0.3, ge=0, description="Of the distance to the surface.")
    normal: float = Field(0.2, ge=0, description="Of the normals.")
    label: float = Field(0.05, ge=0, description="Of the FDI labels.")
    radius: float = Field(0.1, ge=0, description="Of the jaw radius in mm.")


class QueryParams(Section):
    """Query points of a training step."""

    count: int = Field(1024, ge=16, le=1_000_000, description="Query points per case and step.")
    nearest_spread: float = Field(
        0.004, gt=0, le=1, description="Least standard deviation of their distance from the surface, in jaw radii."
    )
    farthest_spread: float = Field(0.08, gt=0, le=1, description="Greatest, in jaw radii; log-uniform in between.")
    seed_fraction: Share = Field(0.2, description="Fraction of them about the seed points of reconstruction.")
    seed_jitter: float = Field(
        0.025, ge=0, le=1, description="Greatest offset from these along each axis, in jaw radii."
    )
    projected_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Fraction of these that are first projected onto the predicted surface."
    )

    @model_validator(mode="after")
    def _spreads_rise(self) -> "QueryParams":
        if self.nearest_spread > self.farthest_spread:
            raise ValueError(f"nearest_spread={self.nearest_spread} exceeds farthest_spread={self.farthest_spread}")
        return self


class ReconstructionParams(Section):
    """From the field to a surface; recorded in the checkpoint, so that predict does as evaluate did."""

    projection_rounds: int = Field(3, ge=1, le=100, description="How often the seed points are projected.")
    max_residual: float = Field(
        0.045, gt=0, le=2, description="Seed points still farther from the surface are dropped, in jaw radii."
    )
    decimation_cell: float = Field(
        0.02, gt=0, le=1, description="Edge of the cells of which each keeps one seed point, in jaw radii."
    )
    tangential_jitter: float = Field(
        0.03, ge=0, le=1, description="Standard deviation, along the surface, of the points that replace a seed point."
    )
    target_points: int = Field(28_000, ge=100, le=10_000_000, description="Points that the surface is made of, about.")
    max_distance: float = Field(
        0.012, gt=0, le=2, description="Of these, points farther from the surface are dropped, in jaw radii."
    )
    voxel: float = Field(0.016, ge=0.002, le=0.5, description="Edge length of the mesh, about, in jaw radii.")
    trim: float = Field(
        1.6, gt=0, le=2, description="Vertices farther than this from every point are removed, in voxels."
    )
    min_component_fraction: Share = Field(
        0.005, description="Components with fewer faces than this fraction of the largest one's are removed."
    )
    max_hidden_error: float = Field(
        0.03,
        ge=0,
        le=2,
        description="Surface that no view sees is left out if its expected error is more, in jaw radii; 0 keeps all.",
    )
    mirrored: bool = Field(
        True, description="Whether points are last projected onto the mean of the field and that of the mirrored views."
    )


class StepFrameJitterParams(Section):
    """Random changes of each case's normalised frame in a training step, beside those of `prepare.frame_jitter`."""

    offset: float = Field(0.0, ge=0, le=0.5, description="Largest offset of the origin along each axis, in jaw radii.")
    scale: float = Field(0.0, ge=0, le=0.5, description="Largest relative change of the unit of length.")
    rotation: float = Field(0.0, ge=0, le=45, description="Largest rotation about each axis, in degrees.")


class FieldParams(Section):
    """The decoder `field`, ours."""

    channels: int = Field(32, ge=4, le=1024, description="Channels of the feature maps.")
    view_width: int = Field(64, ge=8, le=8192, description="Width of a query point's features in a single view.")
    mirror: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Fraction of the cases that are mirrored from left to right in a step."
    )
    frame_jitter: StepFrameJitterParams = StepFrameJitterParams()
    loss: FieldLossParams = FieldLossParams()
    queries: QueryParams = QueryParams()
    reconstruction: ReconstructionParams = ReconstructionParams()

    @model_validator(mode="after")
    def _a_loss_term_counts(self) -> "FieldParams":
        if not any(self.loss.model_dump().values()):
            raise ValueError("loss: a weight must be above 0")
        return self

    def loss_stages(self) -> list[tuple[int, dict[str, float]]]:
        """First epoch and weights of the only stage."""
        return [(0, self.loss.model_dump())]


class TrainParams(Section):
    """How the network is trained."""

    network: NetworkParams = NetworkParams()
    cloud: CloudParams = CloudParams()
    field: FieldParams = FieldParams()
    start_from: str = Field(
        "", description='Model to fine-tune: `pretrained`, or a folder of `tenview export`; "" for random weights.'
    )
    validation_interval: int = Field(4, ge=1, description="Epochs from one validation to the next.")
    validation_cases: int = Field(4, ge=0, description="Cases that choose the best epoch, at most; 0 for all.")
    epochs: int = Field(12, ge=1, le=100_000, description="Passes over the training cases at most.")
    batch_size: int = Field(1, ge=1, le=4096, description="Cases per step.")
    accumulate: int = Field(
        1, ge=1, le=4096, description="Chunks of a step, one after another or on `compute.devices`; saves memory."
    )
    learning_rate: float = Field(2e-3, gt=0, le=1, description="AdamW's peak learning rate.")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="AdamW's weight decay.")
    warmup_fraction: Share = Field(0.02, description="Fraction of the steps in which the learning rate rises.")
    cosine_epochs: int = Field(
        0, ge=0, description="Epochs in which the rate falls, after which it rises again (P2: 30); 0 for the whole run."
    )
    gradient_clip_norm: float = Field(1.0, ge=0, description="Gradients are clipped to this norm; 0 for none.")
    ema_decay: Share = Field(0.99, description="Decay of the weights' moving average, which is then kept; 0 for none.")
    view_dropout: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Fraction of the cases that show only some of their views in a step."
    )
    min_views: int = Field(5, ge=1, description="How many views these show at least.")
    monitor: Literal["f_035", "f_010"] = Field("f_010", description="Validation metric that chooses the best epoch.")
    patience: int = Field(15, ge=1, description="Epochs without a better one before training stops.")
    precision: Literal["32-true", "bf16-mixed"] = Field("32-true", description="Number format of the computation.")
    seed: Seed = Field(0, description="Seed of the weights and of the order of the cases.")

    @model_validator(mode="after")
    def _parts_go_together(self) -> "TrainParams":
        if self.cosine_epochs and self.warmup_fraction * self.epochs >= self.cosine_epochs:
            raise ValueError(f"cosine_epochs={self.cosine_epochs} ends within the warm-up")
        if self.network.decoder == "field" and self.field.view_width % self.network.heads:
            raise ValueError(f"network.heads={self.network.heads} must divide field.view_width={self.field.view_width}")
        return self

    @property
    def decoder(self) -> CloudParams | FieldParams:
        """The section of the decoder that is trained."""
        return getattr(self, self.network.decoder)

    def network_settings(self) -> dict[str, Any]:
        """The hyperparameters of that network, which its checkpoint records."""
        shared = self.network.model_dump(exclude={"decoder", "pretrained"})
        return shared | self.decoder.model_dump(exclude={"loss"})
