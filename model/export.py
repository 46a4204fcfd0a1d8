"""Writes a network as ONNX."""

from pathlib import Path
from typing import Any

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
    in_place: list[Any] = [module for module in network.modules() if getattr(module, "inplace", False)]
    for module in in_place:  # an activation in place is traced into a dozen operators
        module.inplace = False
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
            custom_translation_table={torch.ops.tenview.normed_by_case.default: _normed_by_case},
            dynamo=True,
            optimize=False,  # which takes as long as all the rest, and what ONNX Runtime does by itself when it loads
            external_data=False,
            verbose=False,
        )
    finally:
        network.train(training)
        for module in in_place:
            module.inplace = True


def _normed_by_case(x: Any, matrix: Any, weight: Any, bias: Any, eps: float) -> Any:
    """`model.networks.case_norm.normed_by_case` in ONNX's operators."""
    from onnxscript import opset18 as op

    pixels = op.Constant(value_ints=[2, 3])
    own_mean = op.ReduceMean(x, pixels)  # (K, C, 1, 1)
    own_variance = op.ReduceMean(op.Mul(op.Sub(x, own_mean), op.Sub(x, own_mean)), pixels, keepdims=0)  # (K, C)
    own_mean = op.Squeeze(own_mean, pixels)
    mean = op.MatMul(matrix, own_mean)
    apart = op.Sub(own_mean, mean)
    variance = op.MatMul(matrix, op.Add(own_variance, op.Mul(apart, apart)))
    scale = op.Div(weight, op.Sqrt(op.Add(variance, op.Constant(value_float=eps))))
    shift = op.Sub(bias, op.Mul(mean, scale))
    return op.Add(op.Mul(x, op.Unsqueeze(scale, pixels)), op.Unsqueeze(shift, pixels))


class _Dense(nn.Module):
    """A module whose `forward` is the network's `forward_dense`, with its parameters' names."""

    def __init__(self, network: JawNetwork) -> None:
        super().__init__()
        self.network = network
        self.forward = network.forward_dense
        self.train(network.training)
