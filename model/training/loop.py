"""The training loop; what a network learns from, and how it reconstructs, is the network's own (`JawNetwork`)."""

import json
import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from model.cases.batch import Batch
from model.cases.case import Case
from model.losses.objective import stop_unless_finite, weighted_loss
from model.losses.schedule import weights_at
from model.networks.base import JawNetwork
from model.networks.checkpoint import WEIGHTS, save_checkpoint
from model.runtime.cuda_graph import GraphedModule
from model.runtime.memory import out_of_memory_as_user_error
from model.runtime.stopping import Stopped, stop_on_signals
from model.training.batches import drop_views, steps_per_epoch
from model.training.chunked_buffers import ChunkedBuffers
from model.training.config import TrainingConfig, learning_rate
from model.training.feed import case_feed
from model.training.moving_average import MovingAverage
from model.training.state import load_state, save_state
from model.training.validation import validate
from scans.files import atomic_file

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
    tell: Callable[[str], None] = lambda text: None,  # noqa: ARG005
) -> list[dict[str, Any]]:
    """Train a network and keep the weights of its best epoch, by a metric on the validation cases.

    Optimiser and schedule follow P2 (AdamW, cosine), whose cosine is shorter than its run. The untrained network counts
    as epoch 0, so the result is never worse on validation than the initial prediction. On the same machine and number
    of threads the same input gives the same bytes, whether or not the training was stopped and resumed.

    Args:
        fabric: launched; each of its processes calls this function with the same arguments.
        network: trained in place; it ends as the last epoch left it.
        train_cases: at least one. Kept in memory if all fit, see `case_feed`.
        validation_cases: at least one; read anew in each validation.
        config: hyperparameters.
        folder: made if missing. It receives the best weights as network.safetensors + network.json, epochs.jsonl with a
            line per validated epoch, and state.safetensors, from which the same call resumes. None of them holds times.
        on_step: called after each step, in the first process.
        on_epoch: called after each epoch with the lines so far, in the first process.
        tell: called with a line about where the cases wait, in the first process.

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
        feed = case_feed(train_cases, fabric.device, fabric.world_size)
        if fabric.is_global_zero:
            tell(feed.description)
        if not run.history:
            run.end_epoch(validation_cases, on_epoch)
        while run.epoch < config.epochs and not run.out_of_patience():
            steps_left = run.remaining_steps(len(train_cases))
            batches = feed.batches([numbers[own] for numbers in steps_left for _, own in run.own_chunks(len(numbers))])
            for numbers in steps_left:
                loss, stopped = run.step(batches, numbers, train_cases, stopped=bool(stop.signal))
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
        sums: of the losses over the cases of all steps since the last entry of `history`.
        history: an entry per validated epoch, and one of the untrained network.
    """

    def __init__(self, fabric: Fabric, network: JawNetwork, config: TrainingConfig, steps: int, folder: Path) -> None:
        self.fabric, self.network, self.config, self.steps, self.folder = fabric, network, config, steps, folder
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.adamw = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self.wrapped_network, self.wrapped_optimizer = fabric.setup(network, self.adamw)
        # Neither DDP nor mixed precision can be captured as simply.
        graphed = (
            fabric.device.type == "cuda" and fabric.world_size == 1 and fabric.strategy.precision.precision == "32-true"
        )
        self.forward = GraphedModule(network, self.wrapped_network) if graphed else self.wrapped_network
        self.average = MovingAverage(network, config.ema_decay)
        self.buffers = ChunkedBuffers(network)
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

    def remaining_steps(self, cases: int) -> list[np.ndarray]:
        """The case numbers of each step that the present epoch still has."""
        order = np.random.default_rng([self.config.seed, self.epoch]).permutation(cases)
        return np.array_split(order, self.steps)[self.number :]

    def own_chunks(self, cases: int) -> list[tuple[int, np.ndarray]]:
        """The chunks of a step that this process computes: number of the chunk, and places of its cases in the step."""
        chunks = np.array_split(np.arange(cases), self.config.accumulate)
        return [(n, chunks[n]) for n in range(self.fabric.global_rank, len(chunks), self.fabric.world_size)]

    def step(
        self, batches: Iterator[Batch], numbers: np.ndarray, cases: Sequence[Case], *, stopped: bool
    ) -> tuple[float, bool]:
        """One step of the optimiser. It waits for the device once, before the weights are changed.

        Args:
            batches: the next ones are this process's chunks of the step.
            numbers: of the step's cases. cases: all, of which those that spoil the step are named.
            stopped: whether this process is to stop.

        Returns:
            The mean loss, and whether any process is to stop, so that all of them do so at the same step.

        Raises:
            UserError: a loss or the gradient is not finite (names the cases); the weights are as before.
        """
        fabric, config = self.fabric, self.config
        step = self.epoch * self.steps + self.number
        for group in self.adamw.param_groups:  # Fabric's wrapper shows those of before a state was loaded
            group["lr"] = learning_rate(step, self.steps * config.epochs, config)
        losses, sums = self._backward(batches, len(numbers))
        norm = fabric.clip_gradients(
            self.wrapped_network,
            self.wrapped_optimizer,
            max_norm=config.gradient_clip_norm or math.inf,
            error_if_nonfinite=False,
        )
        vote = torch.tensor(float(stopped), dtype=torch.float64, device=fabric.device)
        told = torch.cat([torch.stack([vote, norm.double(), *sums.values()]), losses])
        votes, all_norms, *values = fabric.all_reduce(told, reduce_op="sum").tolist()
        totals, losses_by_case = dict(zip(sums, values, strict=False)), values[len(sums) :]
        if not math.isfinite(all_norms + totals["loss"]):
            ids = [cases[i].id for i in numbers]
            stop_unless_finite(losses_by_case, "the loss", ids)
            stop_unless_finite([all_norms] * len(ids), "the gradient", ids)
        self.wrapped_optimizer.step()
        self.average.update(step)
        for name, total in totals.items():
            self.sums[name] = self.sums.get(name, 0.0) + total
        self.number += 1
        return totals["loss"] / len(numbers), votes > 0

    def _backward(self, batches: Iterator[Batch], cases: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Set the gradients of the mean loss of a step of so many cases.

        Returns:
            The loss of each of its cases, 0 for those of other processes; sums of loss and terms over this process's.
        """
        fabric, config = self.fabric, self.config
        weights, progress = weights_at(self.epoch, config.loss), self.epoch / config.epochs
        chunks = self.own_chunks(cases)
        self.buffers.start_step()
        losses = torch.zeros(cases, dtype=torch.float64, device=fabric.device)
        sums: dict[str, torch.Tensor] = {}
        if not self.network.training:  # asked, for to set it takes a visit to each of the modules
            self.wrapped_network.train()
        self.wrapped_optimizer.zero_grad()
        for number, places in chunks:
            rng = np.random.default_rng([config.seed, self.epoch, self.number, number])
            torch.manual_seed(int(rng.integers(2**63)))  # dropout's
            generator = torch.Generator(fabric.device).manual_seed(int(rng.integers(2**63)))
            batch = next(batches)
            batch = replace(batch, view_mask=drop_views(batch.view_mask, config, generator))
            with fabric.no_backward_sync(self.wrapped_network, enabled=number != chunks[-1][0]):
                terms = self.network.loss_terms(self.forward, batch, weights, progress, rng)
                values = weighted_loss(terms, weights)
                # DDP takes the mean over processes, and this is to be the mean over cases.
                fabric.backward(values["loss"].sum() * (fabric.world_size / cases))
            values = {name: value.detach() for name, value in values.items()}
            del terms  # a graph that is alive may not be captured beside
            losses[places[0] : places[-1] + 1] = values["loss"]
            for name, value in values.items():
                sums[name] = sums.get(name, 0) + value.double().sum()
            self.buffers.end_chunk()
        self.buffers.end_step(fabric, config.accumulate)
        return losses, sums

    def end_epoch(
        self,
        validation_cases: Sequence[Case],
        on_epoch: Callable[[list[dict[str, Any]]], None],
        train_cases: int | None = None,
    ) -> None:
        """Count the epoch and write the state; after a validation also the log and, if they are the best, weights.

        Args:
            train_cases: their number; None before training.
        """
        if train_cases is not None:
            self.epoch += 1
            self.number = 0
            if self.epoch % self.config.validation_interval and self.epoch < self.config.epochs:
                self.save()
                return
        seen = (train_cases or 1) * (self.epoch - self.history[-1]["epoch"] if self.history else 1)
        means = {f"train_{name}": total / seen for name, total in self.sums.items()}
        metrics = validate(self.fabric, self.average.network, validation_cases)
        monitor = self.config.monitor
        better = not self.history or metrics[monitor] > self._best()[monitor]
        self.history.append({"epoch": self.epoch, **means, **metrics})
        self.sums = {}
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
