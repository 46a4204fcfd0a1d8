"""CUDA graphs: forward and backward passes whose thousands of kernels are launched at once."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class GraphedModule:
    """Calls a module, from CUDA graphs where it is asked to and can be.

    A step of the field network launches 3,300 kernels, which takes a processor four times as long as they take an H100.
    Graphs are captured for each set of shapes, at its first call, as `torch.cuda.make_graphed_callables` does.

    Args:
        module: trained, on one CUDA device, in float32; its parameters stay where they are in memory.
        wrapped: as Fabric wraps it; called where there is no graph.
    """

    def __init__(self, module: nn.Module, wrapped: nn.Module) -> None:
        self.module, self.wrapped = module, wrapped
        self.graphs: dict[tuple[Any, ...], Callable[..., Any] | None] = {}
        # Graphs are captured on a stream of their own, of which PyTorch warns at the first step.
        warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")

    def __call__(self, *inputs: torch.Tensor | None, **options: Any) -> Any:
        """The module's answer; `dense=True` says that no shape within depends on values, so that it may be a graph."""
        if not options.get("dense") or any(value is None for value in inputs):
            return self.wrapped(*inputs, **options)
        tensors = [value for value in inputs if value is not None]
        key = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        if key not in self.graphs:
            self.graphs[key] = self._capture(tensors, options)
        graph = self.graphs[key]
        return self.wrapped(*inputs, **options) if graph is None else graph(*tensors)

    def _capture(self, tensors: Sequence[torch.Tensor], options: dict[str, Any]) -> Callable[..., Any] | None:
        example = tuple(tensor.clone() for tensor in tensors)
        try:
            return torch.cuda.make_graphed_callables(_Forward(self.module, options), example, allow_unused_input=True)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            warnings.warn(f"no CUDA graph, so steps take four times as long: {reason}", stacklevel=2)
            return None


class _Forward(nn.Module):
    """A module with its options, for PyTorch replaces the `forward` of what it graphs."""

    def __init__(self, module: nn.Module, options: dict[str, Any]) -> None:
        super().__init__()
        self.module, self.options = module, options

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.module(*inputs, **self.options)
