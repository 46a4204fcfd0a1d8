"""What every network offers to training, evaluation, prediction and export."""

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from model.cases.batch import Batch
from model.cases.case import Case
from model.cases.summary import TrainingSummary
from model.networks.encoder import ViewEncoder
from model.reconstruction.error_head import ErrorHead
from model.reconstruction.radius_estimator import RadiusEstimator
from model.reconstruction.result import Reconstruction
from scans.errors import UserError
from scans.seeds import generator

CASES_AT_ONCE = 8  # that are reconstructed at once on a GPU


@dataclass(frozen=True)
class ExportSignature:
    """Inputs and outputs of a network as ONNX.

    Attributes:
        inputs: an example of each argument of `forward_dense`, by name.
        outputs: names of what it returns.
        dynamic_axes: by input, the axes of variable length and the name of that length.
    """

    inputs: Mapping[str, torch.Tensor]
    outputs: Sequence[str]
    dynamic_axes: Mapping[str, Mapping[int, str]]


class JawNetwork(nn.Module, ABC):
    """Base class of the networks: posed images of a jaw → the jaw.

    A further network is a subclass in a file of its own and an entry in `model.networks.registry`.

    Attributes:
        kind: its name in params and checkpoints.
        config_type: class of `config`, a frozen dataclass of JSON values; the checkpoint records it.
        terms: names of its loss terms.
        needs_surface: whether the loss needs normals and labels of the cases.
        architecture: the fields of its config that its weights belong to.
        config: all that, with the weights, decides what it predicts.
        encoder: the image encoder, which can be initialised with ImageNet weights.
        error_head: estimates the errors of its reconstructions; None until it is fitted or read.
        radius_estimator: estimates their radius from their crowns; None until it is fitted or read.
    """

    kind: ClassVar[str]
    config_type: ClassVar[type]
    terms: ClassVar[Sequence[str]]
    needs_surface: ClassVar[bool]
    architecture: ClassVar[Sequence[str]]
    config: Any
    encoder: ViewEncoder
    error_head: ErrorHead | None = None
    radius_estimator: RadiusEstimator | None = None

    @classmethod
    @abstractmethod
    def initialise(cls, settings: Mapping[str, Any], summary: TrainingSummary) -> Self:
        """A network with random weights and what it takes from the training cases.

        Args:
            settings: the fields of its config that the cases leave open.
        """

    def continue_from(self, other: "JawNetwork") -> None:
        """Take over the weights of a trained network, to train them further (fine-tuning).

        Raises:
            UserError: it is of another architecture.
        """
        if not isinstance(other, type(self)):
            raise UserError(f"it is a {other.kind}, and this a {self.kind}; set train.network.decoder: {other.kind}")
        pairs = {name: (getattr(other.config, name), getattr(self.config, name)) for name in self.architecture}
        if differing := [
            f"{name} is {there}, and here {here}" for name, (there, here) in pairs.items() if there != here
        ]:
            raise UserError(f"it has another architecture: {'; '.join(differing)}. Set these as they are there")
        self.load_state_dict(self._state_from(other))

    def upgraded(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A checkpoint's state in the shapes of this version, if an earlier one wrote it."""
        return state

    def _state_from(self, other: Self) -> dict[str, torch.Tensor]:
        """The state to continue from, that of a network of the same architecture; the config may follow it."""
        return other.state_dict()

    @abstractmethod
    def loss_terms(
        self,
        module: Callable[..., Any],
        batch: Batch,
        weights: Mapping[str, float],
        progress: float,
        rng: np.random.Generator,
    ) -> dict[str, torch.Tensor]:
        """The loss terms of a batch, unweighted, (B,) each.

        Args:
            module: this network's `forward`, as Fabric wraps it: for DDP synchronises there, and CUDA graphs replay it.
            weights: by name of the term; those of weight 0 may be left out.
            progress: fraction of the epochs that are done, 0..1.
            rng: source of all randomness.

        Raises:
            UserError: a prediction is not finite (names the cases).
            ValueError: the batch lacks what the network needs, such as cameras.
        """

    @abstractmethod
    def check_rig(self, views: int) -> str | None:
        """Whether the network can use a rig of so many cameras: None, or the reason against it."""

    def check_crop(self, crop: str) -> str | None:
        """Whether the network can use views with this `render.crop`: None, or the reason against it."""
        if crop == self.config.crop:
            return None
        return f"the network is trained with render.crop: {self.config.crop}, but these views have {crop}"

    @abstractmethod
    def forward_dense(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`forward` without shapes that depend on values, for ONNX: masked views pass the encoder, too."""

    @abstractmethod
    def export_signature(self, *, colour: bool) -> ExportSignature:
        """Inputs and outputs of `forward_dense`; `colour` says whether views are RGB."""

    @abstractmethod
    def _reconstruct(
        self,
        views: torch.Tensor,
        view_mask: torch.Tensor,
        cameras: torch.Tensor | None,
        points: int,
        rngs: Sequence[np.random.Generator],
    ) -> list[Callable[[], Reconstruction]]:
        """`reconstruct` of B cases in evaluation mode, as far as the network's device does it.

        Returns:
            B functions that do the rest, which may run in any thread.
        """

    def reconstruct(
        self,
        views: np.ndarray,
        view_mask: np.ndarray,
        cameras: np.ndarray | None,
        points: int = 50_000,
        seed: int = 0,
    ) -> Reconstruction:
        """Reconstruct one jaw. The network's mode is left as it was.

        Args:
            views: (V, H, W) or (V, H, W, 3) uint8 array; moved to the network's device.
            view_mask: (V,) bool. Views where it is False are ignored and may hold any value.
            cameras: (V, 23) float64, see `scans.cameras`; None if the network does not use cameras.
            points: number of points of the result; a point cloud of fixed size is thinned, but never extended.
            seed: of all randomness.

        Raises:
            ValueError: a shape is wrong, or the cameras are missing.
        """
        (rest,) = self._start(views[None], view_mask[None], None if cameras is None else cameras[None], points, seed)
        return rest()

    def reconstruct_each(
        self, cases: Iterable[Case], seed: int = 0, points: int | None = None
    ) -> Iterator[tuple[Case, Reconstruction]]:
        """Each case with its `reconstruct`, in order.

        On a GPU several are computed at once, and threads make the meshes meanwhile; a few cases are read ahead. There
        the results differ in rounding from those of `reconstruct`.

        Args:
            cases: with as many views each; read when their turn comes.
            points: of each result; None for as many as the case's ground truth has.
        """
        if next(self.parameters()).device.type == "cpu":
            for case in cases:
                count = points or len(case.points)
                yield case, self.reconstruct(case.views, case.view_mask, case.cameras, count, seed)
            return
        threads, remaining = len(os.sched_getaffinity(0)), iter(cases)
        with ThreadPoolExecutor(threads) as pool:
            pending: deque[tuple[Case, Future[Reconstruction]]] = deque()
            while group := list(islice(remaining, CASES_AT_ONCE)):
                views, view_mask = (
                    np.stack([getattr(case, name) for case in group]) for name in ("views", "view_mask")
                )
                known = [case.cameras for case in group if case.cameras is not None]
                cameras = np.stack(known) if len(known) == len(group) else None
                started = self._start(views, view_mask, cameras, points or len(group[0].points), seed)
                pending.extend((case, pool.submit(rest)) for case, rest in zip(group, started, strict=True))
                while len(pending) > 2 * threads:
                    case, made = pending.popleft()
                    yield case, made.result()
            for case, made in pending:
                yield case, made.result()

    def _start(
        self, views: np.ndarray, view_mask: np.ndarray, cameras: np.ndarray | None, points: int, seed: int
    ) -> list[Callable[[], Reconstruction]]:
        """`_reconstruct` of arrays with a batch axis."""
        device = next(self.parameters()).device
        training = self.training
        self.eval()
        try:
            with torch.inference_mode():

                def there(array: np.ndarray) -> torch.Tensor:
                    return torch.from_numpy(np.ascontiguousarray(array)).to(device)

                posed = None if cameras is None else there(cameras)
                rngs = [generator(seed, "points") for _ in views]
                return self._reconstruct(there(views), there(view_mask), posed, points, rngs)
        finally:
            self.train(training)

    def example_views(self, batch: int, views: int, *, colour: bool) -> dict[str, torch.Tensor]:
        """Random `views` and `view_mask` of the size that the network is trained on."""
        size = self.encoder.image_size
        shape = (batch, views, size, size, *([3] if colour else []))
        rng = torch.Generator().manual_seed(0)
        return {
            "views": torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng),
            "view_mask": torch.ones(batch, views, dtype=torch.bool),
        }
