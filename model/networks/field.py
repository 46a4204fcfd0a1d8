"""Our network: from views and known cameras to the way from any point to the nearest point of the surface."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import normalize, softplus

from model.geometry.projection import CAMERA_VECTOR_SIZE
from model.networks.case_norm import of_cases, shares_of
from model.networks.encoder import ViewEncoder
from model.networks.fusion import ViewFusion
from model.networks.pixel_aligned import POOLED, PixelAligned
from model.networks.positional_encoding import positional_encoding
from model.networks.pyramid import FeaturePyramid
from model.networks.views import check_views, scatter_views
from model.networks.volume import FeatureVolume
from scans.mesh import LABELS

NUM_FREQUENCIES = 7  # of the sines that tell where a point lies
MEMORY = 24  # channels of the feature volume


class FieldPrediction(NamedTuple):
    """What the network says about Q points of each of B jaws.

    Attributes:
        points: (B, Q, 3), where it was asked.
        signed_distances: (B, Q) signed distance to the tangent plane of the nearest surface point, positive outside.
        normals: (B, Q, 3) direction of the outward normal there, of any length.
        distances: (B, Q) distance to that point, which beyond an open border is more than the height.
        class_logits: (B, Q, 33) logits of the label there, in the order of `scans.mesh.LABELS`.
        log_radius: (B,) logarithm of the millimetres per unit of the normalised frame.
    """

    points: torch.Tensor
    signed_distances: torch.Tensor
    normals: torch.Tensor
    distances: torch.Tensor
    class_logits: torch.Tensor
    log_radius: torch.Tensor

    @property
    def projected(self) -> torch.Tensor:
        """(B, Q, 3) on that plane, right below or above the point."""
        return self.points - self.signed_distances[..., None] * normalize(self.normals, dim=-1)


class ViewFeatures(NamedTuple):
    """What the network has seen of B jaws, before it is asked about points.

    Attributes:
        maps: (B, V, h, w, H), one fine map a view, from `PixelAligned.prepare`; 0 where it is absent.
        fused: (B, D), all views in one vector.
        view_mask: (B, V) bool. cameras: (B, V, 23).
    """

    maps: torch.Tensor
    fused: torch.Tensor
    view_mask: torch.Tensor
    cameras: torch.Tensor


class FieldNetwork(nn.Module):
    """A vector field whose flow ends on the jaw: points → offsets to the surface, from pictures with known cameras.

    A distance field (as NDF, Chibane et al. 2020, but signed, by the nearest normal, and open where the surface ends)
    on pixel-aligned features (PIFu, Saito et al. 2019). Encoder and fusion are P1's, with an embedding of the camera in
    place of the view's number, so that any number of views from anywhere will do. A point is described by what the
    views show where it projects to, by where it lies, by what the network remembers of that place, and by the fused
    vector. `model.reconstruction.from_field` makes a surface of the field.

    Args:
        encoder: the backbone, a name that timm knows.
        image_size: side of the pictures the backbone sees, pixels; others are resized.
        width: D of the fused vector, and of the vector that describes a point.
        heads: attention heads over the views.
        channels: C of the feature pyramid.
        hidden: units for what a single view says about a point.
        seed_points: number of the points from which a reconstruction starts, see `initialise_from`.

    Raises:
        UserError: timm has no such backbone, or it takes no pictures of this size.
    """

    seed_points: torch.Tensor
    mean_log_radius: torch.Tensor

    def __init__(
        self, *, encoder: str, image_size: int, width: int, heads: int, channels: int, hidden: int, seed_points: int
    ) -> None:
        super().__init__()
        self.kwargs = {
            "encoder": encoder,
            "image_size": image_size,
            "width": width,
            "heads": heads,
            "channels": channels,
            "hidden": hidden,
            "seed_points": seed_points,
        }
        self.register_buffer("seed_points", torch.zeros(seed_points, 3))
        self.register_buffer("mean_log_radius", torch.zeros(()))
        self.encoder = ViewEncoder(backbone=encoder, image_size=image_size, by_case=True)
        self.pyramid = FeaturePyramid(channels=self.encoder.channels, width=channels)
        self.pyramid.to(memory_format=torch.channels_last)
        self.camera = nn.Linear(12 + 3, width)
        self.fusion = ViewFusion(features=self.encoder.features, width=width, heads=heads)
        self.radius = nn.Linear(width, 1)
        self.aligned = PixelAligned(channels=channels, hidden=hidden, heads=heads)
        self.seen = nn.Linear(POOLED * hidden, width)
        self.place = nn.Linear(3 + 6 * NUM_FREQUENCIES, width)
        self.memory = FeatureVolume(channels=MEMORY, width=width)
        self.remembered = nn.Linear(MEMORY, width)
        self.whole = nn.Linear(width, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, 1 + 3 + 1 + len(LABELS))
        with torch.no_grad():
            self.answer.weight[:1] *= 0.01  # so that chance moves points by little at the start
            self.radius.weight.zero_()
            self.radius.bias.zero_()

    def forward(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor,
        points: torch.Tensor,
        n_projected: int = 0,
    ) -> FieldPrediction:
        """Look at jaws and answer about points.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            view_mask: (B, V) bool, which views are there. Absent ones are never looked at.
            cameras: (B, V, 23), a row per view as in the shards.
            points: (B, Q, 3), normalised frame.
            n_projected: so many of the last points first move to where the network has them flow, without a gradient.

        Raises:
            ValueError: a shape is not as above, or a case has no view.
        """
        seen = self.encode(views, view_mask, cameras)
        if n_projected:
            with torch.no_grad():
                projected = self.query(seen, points[:, -n_projected:]).projected
            points = torch.cat([points[:, :-n_projected], projected], dim=1)
        return self.query(seen, points)

    def encode(self, views: torch.Tensor, view_mask: torch.Tensor, cameras: torch.Tensor) -> ViewFeatures:
        """The pictures' part of `forward`."""
        check_views(views, view_mask)
        if cameras.shape != (*view_mask.shape, CAMERA_VECTOR_SIZE):
            raise ValueError(f"expected cameras of shape (B, V, {CAMERA_VECTOR_SIZE}), got {tuple(cameras.shape)}")
        cameras = cameras.float()
        places = view_mask.flatten()
        shares = shares_of(view_mask)[places][:, places] if len(view_mask) > 1 else None
        with of_cases(shares):
            vectors, maps = self.encoder.with_maps(views[view_mask])
        fused = self.fuse(scatter_views(vectors, view_mask), cameras, view_mask)
        prepared = self.aligned.prepare(scatter_views(self.pyramid(maps), view_mask), cameras)
        return ViewFeatures(prepared, fused, view_mask, cameras)

    def fuse(self, vectors: torch.Tensor, cameras: torch.Tensor, view_mask: torch.Tensor) -> torch.Tensor:
        """(B, V, F) vectors of the views → (B, D)."""
        return self.fusion(vectors, self.camera(_described(cameras)), view_mask)

    def query(self, seen: ViewFeatures, points: torch.Tensor) -> FieldPrediction:
        """The points' part of `forward`."""
        x = self.seen(self.aligned(seen.maps, seen.view_mask, seen.cameras, points))
        x = x + self.place(positional_encoding(points, NUM_FREQUENCIES)) + self.whole(seen.fused)[:, None]  # (B, Q, D)
        x = x + self.remembered(self.memory(points, seen.fused))
        for block in self.blocks:
            x = x + block(x)
        # A height in bfloat16 would be rounded to more than the distances that are measured.
        with torch.autocast(device_type=x.device.type, enabled=False):
            parts = self.answer(self.norm(x.float())).split([1, 3, 1, len(LABELS)], dim=-1)
            signed_distances, normals, distances, class_logits = parts
            log_radius = self.mean_log_radius + self.radius(seen.fused.float())[:, 0]
        return FieldPrediction(
            points, 0.1 * signed_distances[..., 0], normals, softplus(distances[..., 0] - 2), class_logits, log_radius
        )

    @torch.no_grad()
    def initialise_from(self, points: torch.Tensor, mean_log_radius: float) -> None:
        """What reconstruction starts from.

        Args:
            points: (starts, 3), where surfaces of jaws were found in training.
            mean_log_radius: mean logarithm of the training jaws' millimetres per unit.
        """
        self.seed_points.copy_(points)
        self.mean_log_radius.fill_(mean_log_radius)


def _described(cameras: torch.Tensor) -> torch.Tensor:
    """(B, V, 15): pose, and what of the world the picture holds, of (B, V, 23) cameras."""
    fx, fy, _, _, width, height, orthographic = cameras[..., 16:].unbind(-1)
    return torch.cat([cameras[..., :12], torch.stack([width / fx, height / fy, orthographic], dim=-1)], dim=-1)
