"""The training loop; what a network learns from, and how it reconstructs, is the network's own (`JawNetwork`)."""

import json
import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from model.cases.case import Case
from model.losses.objective import stop_unless_finite, weighted_loss
from model.losses.schedule import weights_at
from model.networks.base import JawNetwork
from model.networks.checkpoint import save_checkpoint
from model.runtime.memory import out_of_memory_as_user_error
from model.runtime.stopping import Stopped, stop_on_signals
from model.training.batches import make_batch, steps_per_epoch
from model.training.chunked_buffers import ChunkedBuffers
from model.training.config import TrainingConfig, learning_rate
from model.training.moving_average import MovingAverage
from model.training.state import load_state, save_state
from model.training.validation import validate
from scans.files import atomic_file

WEIGHTS = "network.safetensors"
LOG = "epochs.jsonl"
STATE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands after a step: counts start at 1; `best` is the best validation metric so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    best: float


def train(
    fabric: Fabric,
    network: JawNetwork,
    train_cases: Sequence[Case],
    validation_cases: Sequence[Case],
    config: TrainingConfig,
    folder: Path,
    on_step: Callable[[Progress], None],
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda history: None,  # noqa: ARG005
) -> list[dict[str, Any]]:
    """Train a network and keep the weights of its best epoch, by a metric on the validation cases.

    Optimiser and schedule follow P2 (AdamW, cosine), whose cosine is shorter than its run. The untrained network counts
    as epoch 0, so the result is never worse on validation than the initial prediction. On the same machine and number
    of threads the same input gives the same bytes, whether or not the training was stopped and resumed.

    Args:
        fabric: launched; each of its processes calls this function with the same arguments.
        network: trained in place; it ends as the last epoch left it.
        train_cases: at least one; each is read anew in each epoch, and none is kept.
        validation_cases: at least one; read anew in each validation.
        config: hyperparameters.
        folder: made if missing. It receives the best weights as network.safetensors + network.json, epochs.jsonl with a
            line per epoch, and state.safetensors, from which the same call resumes. None of them holds times.
        on_step: called after each step, in the first process.
        on_epoch: called after each epoch with the lines so far, in the first process.

    Returns:
        The lines of epochs.jsonl.

    Raises:
        UserError: no cases, too little memory, or a prediction or loss that is not finite (names the case); the best
            weights so far stay in `folder`.
        Stopped: SIGTERM or SIGINT came; the state after that step is in `folder`.
    """
    steps = steps_per_epoch(len(train_cases) if len(validation_cases) else 0, config, fabric.world_size)
    with stop_on_signals() as stop, out_of_memory_as_user_error("training"):
        run = Run(fabric, network, config, steps, folder)
        run.restore()
        if not run.history:
            run.end_epoch(validation_cases, on_epoch)
        while run.epoch < config.epochs and not run.out_of_patience():
            for numbers in run.remaining_batches(len(train_cases)):
                loss, stopped = run.step([train_cases[i] for i in numbers], stopped=bool(stop.signal))
                if fabric.is_global_zero:
                    on_step(run.progress(loss))
                if stopped:
                    run.save()
                    raise Stopped(stop.signal or signal.SIGTERM)
            run.end_epoch(validation_cases, on_epoch, len(train_cases))
    return run.history


class Run:
    """A training in progress: network, optimiser, moving average, position and history.

    Args:
        steps: per epoch.
        folder: where state, log and best weights are written.

    Attributes:
        epoch: number of finished epochs.
        number: number of finished steps in the present epoch.
        sums: of the losses over the cases of these steps.
        history: an entry per finished epoch, and one of the untrained network.
    """

    def __init__(self, fabric: Fabric, network: JawNetwork, config: TrainingConfig, steps: int, folder: Path) -> None:
        self.fabric, self.network, self.config, self.steps, self.folder = fabric, network, config, steps, folder
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.adamw = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self.wrapped_network, self.wrapped_optimizer = fabric.setup(network, self.adamw)
        self.average = MovingAverage(network, config.ema_decay)
        self.epoch, self.number = 0, 0
        self.sums: dict[str, float] = {}
        self.history: list[dict[str, Any]] = []

    def restore(self) -> None:
        """Resume from the state in the folder, if there is one of this network."""
        position = load_state(self.folder / STATE, self._modules(), self.adamw)
        if position is not None:
            self.epoch, self.number = position["epoch"], position["step"]
            self.sums, self.history = position["sums"], position["history"]

    def save(self) -> None:
        """Write the state, from which `restore` goes on."""
        if self.fabric.is_global_zero:
            position = {"epoch": self.epoch, "step": self.number, "sums": self.sums, "history": self.history}
            save_state(self.folder / STATE, self._modules(), self.adamw, position)

    def out_of_patience(self) -> bool:
        """Whether the best epoch lies too far back."""
        return self.history[-1]["epoch"] - self._best()["epoch"] >= self.config.patience

    def remaining_batches(self, cases: int) -> Iterator[np.ndarray]:
        """The case numbers of each step that the present epoch still has."""
        order = np.random.default_rng([self.config.seed, self.epoch]).permutation(cases)
        yield from np.array_split(order, self.steps)[self.number :]

    def step(self, cases: Sequence[Case], *, stopped: bool) -> tuple[float, bool]:
        """One step of the optimiser on these cases.

        Args:
            stopped: whether this process is to stop.

        Returns:
            The mean loss, and whether any process is to stop, so that all of them do so at the same step.
        """
        fabric, config = self.fabric, self.config
        step = self.epoch * self.steps + self.number
        for group in self.adamw.param_groups:  # Fabric's wrapper shows those of before a state was loaded
            group["lr"] = learning_rate(step, self.steps * config.epochs, config)
        sums = self._backward(cases)
        norm = fabric.clip_gradients(
            self.wrapped_network,
            self.wrapped_optimizer,
            max_norm=config.gradient_clip_norm or math.inf,
            error_if_nonfinite=False,
        )
        stop_unless_finite(norm.expand(len(cases)), "the gradient", cases)
        self.wrapped_optimizer.step()
        self.average.update(self.network, step)

        votes = torch.tensor(float(stopped), dtype=torch.float64, device=fabric.device)
        votes_and_sums = fabric.all_reduce(torch.stack([votes, *sums.values()]), reduce_op="sum").tolist()
        totals = dict(zip(sums, votes_and_sums[1:], strict=True))
        for name, total in totals.items():
            self.sums[name] = self.sums.get(name, 0.0) + total
        self.number += 1
        return totals["loss"] / len(cases), votes_and_sums[0] > 0

    def _backward(self, cases: Sequence[Case]) -> dict[str, torch.Tensor]:
        """Set the gradients of the mean loss; returns the sums of loss and terms over this process's cases."""
        fabric, config = self.fabric, self.config
        weights, progress = weights_at(self.epoch, config.loss), self.epoch / config.epochs
        chunks = np.array_split(np.arange(len(cases)), config.accumulate)
        own = range(fabric.global_rank, len(chunks), fabric.world_size)
        buffers = ChunkedBuffers(self.network)
        sums: dict[str, torch.Tensor] = {}
        self.wrapped_network.train()
        self.wrapped_optimizer.zero_grad()
        for number in own:
            rng = np.random.default_rng([config.seed, self.epoch, self.number, number])
            torch.manual_seed(int(rng.integers(2**63)))  # dropout's
            batch = make_batch(fabric, [cases[i] for i in chunks[number]], config, rng)
            with fabric.no_backward_sync(self.wrapped_network, enabled=number != own[-1]):
                terms = self.network.loss_terms(self.wrapped_network, batch, weights, progress, rng)
                losses = weighted_loss(terms, weights, batch.cases)
                # DDP takes the mean over processes, and this is to be the mean over cases.
                fabric.backward(losses["loss"].sum() * (fabric.world_size / len(cases)))
            for name, values in losses.items():
                sums[name] = sums.get(name, 0) + values.detach().double().sum()
            buffers.end_chunk()
        buffers.end_step(fabric, len(chunks))
        return sums

    def end_epoch(
        self,
        validation_cases: Sequence[Case],
        on_epoch: Callable[[list[dict[str, Any]]], None],
        train_cases: int | None = None,
    ) -> None:
        """Validate, and write log, state and, if they are the best, weights; `train_cases` is None before training."""
        if train_cases is not None:
            self.epoch += 1
        means = {f"train_{name}": total / (train_cases or 1) for name, total in self.sums.items()}
        metrics = validate(self.fabric, self.average.network, validation_cases)
        monitor = self.config.monitor
        better = not self.history or metrics[monitor] > self._best()[monitor]
        self.history.append({"epoch": self.epoch, **means, **metrics})
        self.number, self.sums = 0, {}
        if self.fabric.is_global_zero:
            _write_log(self.folder / LOG, self.history)
            if better:
                path, digest = self.folder / WEIGHTS, self.config.params_digest
                save_checkpoint(self.average.network, path, params_digest=digest, history=self.history)
            on_epoch(self.history)
        self.save()

    def progress(self, loss: float) -> Progress:
        """Where the run stands after a step of this loss."""
        config, step = self.config, self.epoch * self.steps + self.number
        return Progress(
            self.epoch + 1, config.epochs, step, self.steps * config.epochs, loss, self._best()[config.monitor]
        )

    def _best(self) -> dict[str, Any]:
        return max(self.history, key=lambda entry: entry[self.config.monitor])  # the first of equals

    def _modules(self) -> Mapping[str, torch.nn.Module]:
        average = {"average": self.average.network} if self.config.ema_decay else {}
        return {"network": self.network} | average


def _write_log(path: Path, history: Sequence[dict[str, Any]]) -> None:
    with atomic_file(path) as partial:
        partial.write_text("".join(json.dumps(entry) + "\n" for entry in history), encoding="utf-8")
