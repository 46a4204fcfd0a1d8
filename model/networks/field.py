"""Our network: from views and known cameras to the way from any point to the nearest point of the surface."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import normalize, softplus

from model.geometry.projection import CAMERA_FIGURES
from model.networks.case_norm import of_cases, shares_of
from model.networks.encoder import ViewEncoder
from model.networks.fusion import ViewFusion
from model.networks.pixel_aligned import POOLED, PixelAligned
from model.networks.positional_encoding import sines
from model.networks.pyramid import FeaturePyramid
from model.networks.views import check_views, in_places
from model.networks.volume import FeatureVolume
from scans.mesh import LABELS

OCTAVES = 7  # of the sines that tell where a point lies
MEMORY = 24  # channels of the feature volume


class Answer(NamedTuple):
    """What the network says about Q points of each of B jaws.

    Attributes:
        points: (B, Q, 3), where it was asked.
        heights: (B, Q) signed distance to the plane that touches the nearest point of the surface, positive outside.
        normals: (B, Q, 3) direction of the outward normal there, of any length.
        distances: (B, Q) distance to that point, which beyond an open border is more than the height.
        classes: (B, Q, 33) logits of the label there, in the order of `scans.mesh.LABELS`.
        log_radius: (B,) logarithm of the millimetres per unit of the normalised frame.
    """

    points: torch.Tensor
    heights: torch.Tensor
    normals: torch.Tensor
    distances: torch.Tensor
    classes: torch.Tensor
    log_radius: torch.Tensor

    @property
    def reached(self) -> torch.Tensor:
        """(B, Q, 3) on that plane, right below or above the point."""
        return self.points - self.heights[..., None] * normalize(self.normals, dim=-1)


class Seen(NamedTuple):
    """What the network has seen of B jaws, before it is asked about points.

    Attributes:
        maps: (B, V, h, w, H), one fine map a view, from `PixelAligned.prepare`; 0 where it is absent.
        fused: (B, D), all views in one vector.
        present: (B, V) bool. cameras: (B, V, 23).
    """

    maps: torch.Tensor
    fused: torch.Tensor
    present: torch.Tensor
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
        starts: number of the points from which a reconstruction starts, see `start_from`.

    Raises:
        UserError: timm has no such backbone, or it takes no pictures of this size.
    """

    starts: torch.Tensor
    mean_log_radius: torch.Tensor

    def __init__(
        self, *, encoder: str, image_size: int, width: int, heads: int, channels: int, hidden: int, starts: int
    ) -> None:
        super().__init__()
        self.kwargs = {
            "encoder": encoder,
            "image_size": image_size,
            "width": width,
            "heads": heads,
            "channels": channels,
            "hidden": hidden,
            "starts": starts,
        }
        self.register_buffer("starts", torch.zeros(starts, 3))
        self.register_buffer("mean_log_radius", torch.zeros(()))
        self.encoder = ViewEncoder(backbone=encoder, image_size=image_size, by_case=True)
        self.pyramid = FeaturePyramid(channels=self.encoder.channels, width=channels)
        self.pyramid.to(memory_format=torch.channels_last)
        self.camera = nn.Linear(12 + 3, width)
        self.fusion = ViewFusion(features=self.encoder.features, width=width, heads=heads)
        self.radius = nn.Linear(width, 1)
        self.aligned = PixelAligned(channels=channels, hidden=hidden, heads=heads)
        self.seen = nn.Linear(POOLED * hidden, width)
        self.place = nn.Linear(3 + 6 * OCTAVES, width)
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
        present: torch.Tensor,
        cameras: torch.Tensor,
        points: torch.Tensor,
        flowing: int = 0,
    ) -> Answer:
        """Look at jaws and answer about points.

        Args:
            views: (B, V, H, W) grey or (B, V, H, W, 3) RGB; uint8 in 0..255 or float in 0..1.
            present: (B, V) bool, which views are there. Absent ones are never looked at.
            cameras: (B, V, 23), a row per view as in the shards.
            points: (B, Q, 3), normalised frame.
            flowing: so many of the last points first move to where the network has them flow, without a gradient.

        Raises:
            ValueError: a shape is not as above, or a case has no view.
        """
        seen = self.look(views, present, cameras)
        if flowing:
            with torch.no_grad():
                reached = self.ask(seen, points[:, -flowing:]).reached
            points = torch.cat([points[:, :-flowing], reached], dim=1)
        return self.ask(seen, points)

    def look(self, views: torch.Tensor, present: torch.Tensor, cameras: torch.Tensor) -> Seen:
        """The pictures' part of `forward`."""
        check_views(views, present)
        if cameras.shape != (*present.shape, CAMERA_FIGURES):
            raise ValueError(f"expected cameras of shape (B, V, {CAMERA_FIGURES}), got {tuple(cameras.shape)}")
        cameras = cameras.float()
        places = present.flatten()
        shares = shares_of(present)[places][:, places] if len(present) > 1 else None
        with of_cases(shares):
            vectors, maps = self.encoder.with_maps(views[present])
        fused = self.fuse(in_places(vectors, present), cameras, present)
        prepared = self.aligned.prepare(in_places(self.pyramid(maps), present), cameras)
        return Seen(prepared, fused, present, cameras)

    def fuse(self, vectors: torch.Tensor, cameras: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """(B, V, F) vectors of the views → (B, D)."""
        return self.fusion(vectors, self.camera(_described(cameras)), present)

    def ask(self, seen: Seen, points: torch.Tensor) -> Answer:
        """The points' part of `forward`."""
        x = self.seen(self.aligned(seen.maps, seen.present, seen.cameras, points))
        x = x + self.place(sines(points, OCTAVES)) + self.whole(seen.fused)[:, None]  # (B, Q, D)
        x = x + self.remembered(self.memory(points, seen.fused))
        for block in self.blocks:
            x = x + block(x)
        # A height in bfloat16 would be rounded to more than the distances that are measured.
        with torch.autocast(device_type=x.device.type, enabled=False):
            parts = self.answer(self.norm(x.float())).split([1, 3, 1, len(LABELS)], dim=-1)
            heights, normals, distances, classes = parts
            log_radius = self.mean_log_radius + self.radius(seen.fused.float())[:, 0]
        return Answer(points, 0.1 * heights[..., 0], normals, softplus(distances[..., 0] - 2), classes, log_radius)

    @torch.no_grad()
    def start_from(self, points: torch.Tensor, mean_log_radius: float) -> None:
        """What reconstruction starts from.

        Args:
            points: (starts, 3), where surfaces of jaws were found in training.
            mean_log_radius: mean logarithm of the training jaws' millimetres per unit.
        """
        self.starts.copy_(points)
        self.mean_log_radius.fill_(mean_log_radius)


def _described(cameras: torch.Tensor) -> torch.Tensor:
    """(B, V, 15): pose, and what of the world the picture holds, of (B, V, 23) cameras."""
    fx, fy, _, _, width, height, orthographic = cameras[..., 16:].unbind(-1)
    return torch.cat([cameras[..., :12], torch.stack([width / fx, height / fy, orthographic], dim=-1)], dim=-1)
