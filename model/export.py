"""The network as ONNX, for programs without PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from model.networks.case_norm import of_cases, shares_of
from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork, FieldPrediction, ViewFeatures
from scans.errors import UserError


@dataclass(frozen=True)
class Graph:
    """A network as ONNX sees it.

    Attributes:
        module: takes the inputs in their order; what it computes depends on values nowhere in shape.
        inputs: an example of each by name.
        outputs: names.
        dynamic: by name of the input, its axes of any length and the name of that length.
    """

    module: nn.Module
    inputs: Mapping[str, torch.Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]]


class _CloudGraph(nn.Module):
    """views (B, V, S, S) or (B, V, S, S, 3) uint8 and present (B, V) bool → points (B, N, 3), V up to the rig's views.

    `CloudNetwork` passes the views that are there to its encoder, how many depends on the values of `view_mask`. Here
    all of them pass, which gives the same points in evaluation. Views that the caller leaves off the end are absent.
    """

    def __init__(self, network: CloudNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: torch.Tensor, view_mask: torch.Tensor) -> torch.Tensor:
        net = self.network
        features = net.encoder(views.flatten(0, 1)).unflatten(0, (views.shape[0], views.shape[1]))  # (B, V, F)
        room = len(net.embedding)
        batch = views.shape[0]
        features = torch.cat([features, features.new_zeros(batch, room, features.shape[-1])], dim=1)[:, :room]
        view_mask = torch.cat([view_mask, view_mask.new_zeros(batch, room)], dim=1)[:, :room]
        return net.decoder(net.modulator(net.fusion(features, net.embedding, view_mask)))


class _FieldGraph(nn.Module):
    """views (B, V, S, S) or (B, V, S, S, 3) uint8, present (B, V) bool, cameras (B, V, 23), points (B, Q, 3) → answers.

    As in `_CloudGraph`, absent views pass the encoder too; nothing reads what comes of them.
    """

    def __init__(self, network: FieldNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views: torch.Tensor, view_mask: torch.Tensor, cameras: torch.Tensor, points: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        net = self.network
        with of_cases(shares_of(view_mask)):
            vectors, maps = net.encoder.with_maps(views.flatten(0, 1))
        shape = views.shape[:2]
        fused = net.fuse(vectors.unflatten(0, shape), cameras, view_mask)
        prepared = net.aligned.prepare(net.pyramid(maps).unflatten(0, shape), cameras)
        return tuple(net.query(ViewFeatures(prepared, fused, view_mask, cameras), points))[1:]


def graph_of(network: nn.Module, *, color: bool) -> Graph:
    """What to export of a network.

    Args:
        color: whether its pictures are RGB.

    Raises:
        TypeError: nobody has said how this kind of network is exported.
    """
    if isinstance(network, CloudNetwork):
        size, batch, views = network.encoder.image_size, 2, len(network.embedding)
        shape = (batch, views, size, size, *([3] if color else []))
        chance = torch.Generator().manual_seed(0)
        inputs = {
            "views": torch.randint(0, 256, shape, dtype=torch.uint8, generator=chance),
            "view_mask": torch.ones(batch, views, dtype=torch.bool),
        }
        axes = {0: "batch", 1: "views"}
        return Graph(_CloudGraph(network), inputs, ["points"], {"views": axes, "view_mask": axes})
    if isinstance(network, FieldNetwork):
        size, batch, views, asked = network.encoder.image_size, 2, 10, 7
        shape = (batch, views, size, size, *([3] if color else []))
        chance = torch.Generator().manual_seed(0)
        cameras = torch.cat(
            [torch.eye(4).flatten(), torch.tensor([1.5 * size] * 2 + [size / 2] * 2 + [size] * 2 + [0.0])]
        )
        cameras[11] = 3.0  # above the jaw, looking down
        inputs = {
            "views": torch.randint(0, 256, shape, dtype=torch.uint8, generator=chance),
            "view_mask": torch.ones(batch, views, dtype=torch.bool),
            "cameras": cameras.expand(batch, views, -1).contiguous(),
            "points": torch.rand(batch, asked, 3, generator=chance) - 0.5,
        }
        axes = {0: "batch", 1: "views"}
        dynamic = {"views": axes, "view_mask": axes, "cameras": axes, "points": {0: "batch", 1: "points"}}
        return Graph(_FieldGraph(network), inputs, list(FieldPrediction._fields[1:]), dynamic)
    raise TypeError(f"no ONNX form of {type(network).__name__}")


def export_onnx(network: nn.Module, path: Path, *, color: bool = False) -> None:
    """Write a network in evaluation mode as ONNX; pictures must have its size, batch and views may be of any number.

    Raises:
        UserError: the packages that write ONNX are not installed.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError(
            "ONNX can't be written: install it with pip install -c constraints.txt -e '.[onnx]', or give --no-onnx"
        ) from None
    training = network.training
    graph = graph_of(network.eval(), color=color)
    lengths = {name: torch.export.Dim(name) for axes in graph.dynamic.values() for name in axes.values()}
    try:
        torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple(
                {axis: lengths[name] for axis, name in graph.dynamic.get(key, {}).items()} for key in graph.inputs
            ),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    finally:
        network.train(training)
