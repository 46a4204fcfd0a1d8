"""Writes a network as ONNX."""

from pathlib import Path

import torch
from torch import nn

from model.networks.base import JawNetwork
from scans.errors import UserError


def export_onnx(network: JawNetwork, path: Path, *, colour: bool = False) -> None:
    """Write a network as ONNX, in evaluation mode; batch size, views and query points are of variable number.

    Args:
        colour: whether views are RGB.

    Raises:
        UserError: the packages that write ONNX are not installed.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise UserError(
            "ONNX can't be written: install it with pip install -c constraints.txt -e '.[onnx]', or give --no-onnx"
        ) from None
    signature = network.export_signature(colour=colour)
    axes = signature.dynamic_axes
    lengths = {name: torch.export.Dim(name) for each in axes.values() for name in each.values()}
    training = network.training
    try:
        torch.onnx.export(
            _Dense(network.eval()),
            tuple(signature.inputs.values()),
            str(path),
            input_names=list(signature.inputs),
            output_names=list(signature.outputs),
            dynamic_shapes=tuple(
                {a: lengths[name] for a, name in axes.get(key, {}).items()} for key in signature.inputs
            ),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    finally:
        network.train(training)


class _Dense(nn.Module):
    """A module whose `forward` is the network's `forward_dense`, with its parameters' names."""

    def __init__(self, network: JawNetwork) -> None:
        super().__init__()
        self.network = network
        self.forward = network.forward_dense
        self.train(network.training)
